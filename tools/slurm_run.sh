#!/usr/bin/env bash
# What slurm_train.sh and slurm_test.sh share: TOOL PARTITION JOB_NAME CONFIG [arguments].
set -euo pipefail
if [ $# -lt 4 ]; then
    sed -n '2,8s/^# \{0,1\}//p' "$(dirname "$0")/slurm_${1%.py}.sh" >&2
    exit 2
fi
folder=$(cd "$(dirname "$0")" && pwd)
tool=$1 partition=$2 job_name=$3
shift 3
# shellcheck source=tools/choose_python.sh
. "$folder/choose_python.sh"
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-8}
per_node=$GPUS
gres=()
if [ "$GPUS_PER_NODE" -gt 0 ]; then
    if [ "$per_node" -gt "$GPUS_PER_NODE" ]; then per_node=$GPUS_PER_NODE; fi
    gres=(--gres="gpu:$per_node")
fi
# shellcheck disable=SC2086  # SRUN_ARGS holds several words
exec srun --partition="$partition" --job-name="$job_name" "${gres[@]}" --ntasks="$GPUS" \
    --ntasks-per-node="$per_node" --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} "$PYTHON" -u "$folder/$tool" "$@" --launcher slurm
