#!/usr/bin/env bash
# Train on a slurm cluster, a process for each GPU.
#
#   GPUS=8 bash tools/slurm_train.sh PARTITION JOB_NAME CONFIG [arguments of tools/train.py]
#
# GPUS (8), GPUS_PER_NODE (8) and CPUS_PER_TASK (5) say how much; GPUS_PER_NODE=0 trains on CPUs,
# with GPUS processes. SRUN_ARGS adds options of srun.
exec bash "$(dirname "$0")/slurm_run.sh" train.py "$@"
