#!/usr/bin/env bash
# Test in several processes: on GPUs with nccl, without them on CPU with gloo.
#
#   bash tools/dist_test.sh CONFIG CHECKPOINT NUM_PROCESSES [arguments of tools/test.py]
#
# Several nodes: as for tools/dist_train.sh.
set -euo pipefail
if [ $# -lt 3 ]; then
    sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
config=$1 checkpoint=$2 processes=$3
shift 3
exec bash "$(dirname "$0")/dist_run.sh" test.py "$config" "$processes" "$checkpoint" "$@"
