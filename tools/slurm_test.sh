#!/usr/bin/env bash
# Test on a slurm cluster, a process for each GPU.
#
#   GPUS=8 bash tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [arguments of tools/test.py]
#
# Variables as for tools/slurm_train.sh.
exec bash "$(dirname "$0")/slurm_run.sh" test.py "$@"
