#!/usr/bin/env bash
# What dist_train.sh and dist_test.sh share: TOOL CONFIG NUM_PROCESSES [arguments of the tool].
set -euo pipefail
if [ $# -lt 3 ]; then
    sed -n '2,8s/^# \{0,1\}//p' "$(dirname "$0")/dist_train.sh" >&2
    exit 2
fi
folder=$(cd "$(dirname "$0")" && pwd)
tool=$1 config=$2 processes=$3
shift 3

# shellcheck source=tools/choose_python.sh
. "$folder/choose_python.sh"
# Without it each process on a CPU takes all cores, and they get in each other's way.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

rendezvous=(--nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}"
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}")
if [ "${NNODES:-1}" = 1 ] && [ -z "${PORT:-}" ]; then
    # One node finds a free port itself, so two runs on it do not collide.
    rendezvous=(--standalone)
fi
exec "$PYTHON" -m torch.distributed.run "${rendezvous[@]}" --nproc_per_node="$processes" \
    "$folder/$tool" "$config" --launcher pytorch "$@"
