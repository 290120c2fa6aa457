#!/usr/bin/env bash
# Train in several processes: on GPUs with nccl, without them on CPU with gloo.
#
#   bash tools/dist_train.sh CONFIG NUM_PROCESSES [arguments of tools/train.py]
#
# Several nodes: run it on each, with
#   NNODES=2 NODE_RANK=0 MASTER_ADDR=host0 PORT=29500 bash tools/dist_train.sh CONFIG 8
exec bash "$(dirname "$0")/dist_run.sh" train.py "$@"
