#!/usr/bin/env bash
# Gathers every package in a folder, for a machine without a network; `make wheelhouse` calls it.
#
#   tools/wheelhouse.sh FOLDER                  with torch (5 GB)
#   SYSTEM_TORCH=1 tools/wheelhouse.sh FOLDER   without: the other machine has its own (250 MB)
#
# There: make install WHEELHOUSE=FOLDER [SYSTEM_TORCH=1]. Both machines need the same system,
# processor and Python version. VENV names the environment that the packages are gathered with.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

main() {
  local out pin
  out=$(mkdir -p "$1" && cd "$1" && pwd)
  pip() { "${VENV:-.venv}/bin/python" -m pip --disable-pip-version-check -q "$@"; }
  if [ "${SYSTEM_TORCH:-0}" != 1 ]; then
    pip download -d "$out" -r "${TORCH_FILE:-requirements/torch.txt}" -c requirements/lock.txt
  fi
  pip download -d "$out" --no-deps -r requirements/build.txt
  pip download -d "$out" --no-deps -r requirements/lock.txt
  # As sources, so that mmcv's operators can be compiled against the other machine's torch.
  for pin in $(grep -E '^onedl-' requirements/sources.txt); do
    pip download -d "$out" --no-deps --no-build-isolation --no-binary :all: "$pin"
  done
  # As a wheel, so that no compiler is needed there. Against numpy, which is pinned.
  pip wheel -w "$out" --no-deps --no-build-isolation --no-binary xtcocotools --no-cache-dir \
    "$(grep -E '^xtcocotools' requirements/sources.txt)"
  du -sh "$out"
}

[ $# = 1 ] || { echo "usage: $0 FOLDER" >&2; exit 2; }
main "$1"
exit
