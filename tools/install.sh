#!/usr/bin/env bash
# Installs everything into a virtual environment; `make install` calls it. See docs/install.md.
#
#   VENV=.venv                      where to
#   PYTHON=python3.11               which Python (3.10, 3.11 or 3.12; found by itself)
#   TORCH_FILE=requirements/torch.txt   which torch and torchvision
#   TORCH_INDEX=URL_OR_FOLDER       where torch comes from, e.g. a CPU-only build
#   SYSTEM_TORCH=1                  use the torch that PYTHON already has
#   MMCV_OPS=auto|0|1               compile mmcv's operators: where possible, never, or fail
#   WHEELHOUSE=FOLDER               offline: take every package from this folder
#   REINSTALL="wheels sources"      repeat these stages and replace what is installed, or `all`
# PYTHON and the settings of torch hold for later runs in the same environment.
#
# One requirements file cannot do this: three packages are built from source against the installed
# torch and numpy, several declare requirements that nothing imports and that cannot be built, and
# pip has no switches per package. So it goes in stages. A stage that ended leaves a stamp with a
# hash of its inputs, and is not repeated while that hash is the same; one that was killed has no
# stamp, and its half-installed packages are removed before it runs again. A stamp does not see what
# became of the packages since, and neither does pip, hence REINSTALL.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=${VENV:-.venv}
PYTHON=${PYTHON:-}
TORCH_FILE=${TORCH_FILE:-}
TORCH_INDEX=${TORCH_INDEX:-}
SYSTEM_TORCH=${SYSTEM_TORCH:-}
MMCV_OPS=${MMCV_OPS:-auto}
WHEELHOUSE=${WHEELHOUSE:-}
REINSTALL=${REINSTALL:-}

STAGES=7
REPEATABLE='torch wheels mmcv sources package'
stage_number=0
stamps=$VENV/.stamps
scratch=$VENV/.scratch
py=$VENV/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '%s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }
hash_of() { cat "$@" | grep -v '^ *#' | cksum | tr ' ' '-'; } # comments may change
pin() { sed -n "s/^\($1==[^ ;#]*\).*/\1/p" requirements/sources.txt; }

# What is said once holds on: `make test` after `make install TORCH_INDEX=...` leaves torch alone.
remember_settings() {
  local name file
  mkdir -p "$VENV/.settings"
  for name in PYTHON TORCH_FILE TORCH_INDEX SYSTEM_TORCH; do
    file=$VENV/.settings/$name
    if [ -n "${!name}" ]; then printf '%s\n' "${!name}" >"$file"
    elif [ -f "$file" ]; then printf -v "$name" '%s' "$(cat "$file")"; fi
  done
}

pip_install() { "$py" -m pip install -q "${replace[@]}" "$@"; }

forget_stages() { # the stamps of what is to be repeated
  local name
  [ "$REINSTALL" != all ] || REINSTALL=$REPEATABLE
  for name in $REINSTALL; do
    case " $REPEATABLE " in *" $name "*) ;; *) fail "REINSTALL=$name: expected all, or of $REPEATABLE" ;; esac
    rm -f "$stamps/$name" "$stamps/check"
  done
}

find_python() {
  local candidate version
  for candidate in ${PYTHON:-python3.11 python3.12 python3.10 python3 python}; do
    version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    case $version in 3.10 | 3.11 | 3.12) printf '%s' "$candidate"; return ;; esac
  done
  fail "no Python 3.10, 3.11 or 3.12 found${PYTHON:+ under PYTHON=$PYTHON}; install one, or say where with PYTHON=/path/to/python"
}

# A process that is killed while pip unpacks leaves packages that pip takes for installed.
sweep_half_installed() {
  local site info
  site=$("$py" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  for info in "$site"/*.dist-info; do
    if [ -d "$info" ] && [ ! -f "$info/RECORD" ]; then rm -rf "$info"; fi
  done
  rm -rf "$site"/~*
}

is_done() { [ "$(cat "$stamps/$1" 2>/dev/null)" = "$2" ]; }

mark_done() { # NAME KEY; a rename, so that a stamp is there whole or not at all
  mkdir -p "$stamps"
  printf '%s\n' "$2" >"$stamps/$1.tmp"
  mv "$stamps/$1.tmp" "$stamps/$1"
}

stage() { # NAME KEY TEXT COMMAND...
  local name=$1 key=$2 text=$3
  shift 3
  stage_number=$((stage_number + 1))
  if is_done "$name" "$key"; then return; fi
  say "[$stage_number/$STAGES] $text"
  rm -f "$stamps/$name"
  [ "$name" = venv ] || sweep_half_installed
  outcome=''
  replace=()
  case " $REINSTALL " in *" $name "*) replace=(--force-reinstall) ;; esac
  "$@"
  mark_done "$name" "$key$outcome"
}

make_venv() {
  local options=()
  [ "$SYSTEM_TORCH" = 1 ] && options+=(--system-site-packages)
  if [ -e "$VENV" ] && [ ! -e "$VENV/pyvenv.cfg" ] && [ -n "$(ls -A "$VENV" | grep -vxE '\.lock|\.settings')" ]; then
    fail "VENV=$VENV exists and is not a virtual environment; name another folder"
  fi
  # Repairs a half-made one, and leaves the packages of a whole one alone.
  "$PYTHON" -m venv "${options[@]}" "$VENV" || fail "'$PYTHON -m venv' failed; on Debian: apt install python3-venv"
  "$py" -m pip --version >/dev/null || fail "no pip in $VENV; on Debian: apt install python3-venv, then remove $VENV"
}

install_torch() {
  local source=()
  if [ "$SYSTEM_TORCH" = 1 ]; then
    "$py" -c 'import torch' || fail "SYSTEM_TORCH=1, but $PYTHON has no torch"
    return
  fi
  if [ -d "$TORCH_INDEX" ]; then source=(--find-links "$TORCH_INDEX")
  elif [ -n "$TORCH_INDEX" ]; then source=(--index-url "$TORCH_INDEX"); fi
  # The lock as constraints: numpy and pillow come along as dependencies, in the right versions.
  # Not quiet: gigabytes without a sign of life look like a hang.
  "$py" -m pip install "${replace[@]}" "${source[@]}" -r "$TORCH_FILE" -c requirements/lock.txt
}

install_wheels() {
  pip_install --no-deps -r requirements/build.txt
  pip_install --no-deps -r requirements/lock.txt
}

has_compiler() {
  local header
  header=$("$py" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h
  command -v "${CXX:-c++}" >/dev/null && [ -e "$header" ]
}

why_not_compile() { # prints a reason, or nothing where mmcv's operators can be compiled
  if [ "$MMCV_OPS" = 0 ]; then say 'MMCV_OPS=0'; return; fi
  if ! has_compiler; then say 'no C++ compiler or no Python headers (Debian: apt install g++ python3-dev)'; return; fi
  "$py" -c '
import torch
major, minor = (int(part) for part in torch.__version__.split(".")[:2])
if (major, minor) > (2, 13):
    print(f"torch {torch.__version__} needs C++20, mmcv is C++17")'
}

# Prints compiler flags that cut the time from 970 to 200 CPU seconds. The header that nearly every
# file includes is compiled once; a compiler that cannot use the result reads the plain header.
fast_flags() {
  local flags='-O2 -g0 -DNDEBUG' folder=$PWD/$scratch/header includes
  case $scratch in /*) folder=$scratch/header ;; esac
  if "${CXX:-c++}" --version 2>/dev/null | grep -q 'Free Software Foundation'; then
    mkdir -p "$folder"
    say '#include <torch/types.h>' >"$folder/kpt_torch.h"
    includes=$("$py" -c '
import sysconfig
from torch.utils import cpp_extension
folders = cpp_extension.include_paths() + [sysconfig.get_path("include")]
print(" ".join("-I" + folder for folder in folders))' 2>/dev/null)
    # shellcheck disable=SC2086
    if "${CXX:-c++}" -x c++-header $flags -fPIC -std=c++17 -DTORCH_API_INCLUDE_EXTENSION_H \
      -DTORCH_EXTENSION_NAME=_ext $includes \
      "$folder/kpt_torch.h" -o "$folder/kpt_torch.h.gch" 2>"$folder/log"; then
      flags="$flags -include $folder/kpt_torch.h"
    fi
  fi
  say "$flags"
}

parallel_jobs() { # a compiler process takes up to 1.5 GB
  local cores memory
  cores=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
  memory=$(awk '/MemAvailable/ { print int($2 / 1572864) }' /proc/meminfo 2>/dev/null || say "$cores")
  if [ "${memory:-1}" -lt "$cores" ]; then cores=$memory; fi
  if [ "$cores" -gt 1 ]; then say "$cores"; else say 1; fi
}

# Runs COMMAND with its output in LOG and shows how far the compiler is ("[12/77]").
with_progress() { # LOG COMMAND...
  local log=$1 pid seconds=0 last='' now
  shift
  "$@" >"$log" 2>&1 &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1
    seconds=$((seconds + 1))
    if [ $((seconds % 20)) = 0 ]; then
      now=$(grep -oE '^ *\[[0-9]+/[0-9]+\]' "$log" | tail -n 1 | tr -d ' ') || true
      if [ "$now" != "$last" ]; then say "      compiled $now"; last=$now; fi
    fi
  done
  wait "$pid"
}

compile_mmcv() {
  local wheels=$scratch/wheels
  rm -rf "$wheels"
  mkdir -p "$wheels"
  # A GPU without nvcc: mmcv would try to compile CUDA code and fail, so hide the GPU from it.
  if ! "$py" -c 'import sys; from torch.utils.cpp_extension import CUDA_HOME; sys.exit(CUDA_HOME is None)' 2>/dev/null; then
    export CUDA_VISIBLE_DEVICES=''
  fi
  # No build isolation: there is no torch in isolation, and mmcv then skips its operators silently.
  # No cache: pip's key for a built wheel leaves out the torch that it was built against.
  MAX_JOBS=${MAX_JOBS:-$(parallel_jobs)} CFLAGS=$(fast_flags) with_progress "$scratch/mmcv.log" \
    "$py" -m pip wheel -v --no-deps --no-build-isolation --no-cache-dir -w "$wheels" "$(pin onedl-mmcv)" &&
    pip_install --no-deps --no-index --force-reinstall "$wheels"/onedl_mmcv-*.whl &&
    "$py" -c 'import torch, mmcv._ext' 2>>"$scratch/mmcv.log"
}

plain_mmcv() {
  # mmcv leaves its operators out where torch cannot be imported, and has no other switch.
  mkdir -p "$scratch/no_torch"
  say 'raise ModuleNotFoundError("hidden while mmcv is built without operators")' >"$scratch/no_torch/torch.py"
  PYTHONPATH=$(cd "$scratch/no_torch" && pwd) \
    pip_install --no-deps --no-build-isolation --no-cache-dir --force-reinstall "$(pin onedl-mmcv)"
}

install_mmcv() {
  local reason
  outcome=:none
  reason=$(why_not_compile)
  if [ -n "$reason" ]; then
    [ "$MMCV_OPS" != 1 ] || fail "MMCV_OPS=1, but $reason"
  else
    say "      compiling mmcv's operators: 2 to 10 minutes, log in $scratch/mmcv.log (MMCV_OPS=0 skips this)"
    # In a condition, so that a failure does not end this script.
    if (compile_mmcv); then outcome=:compiled; return; fi
    [ "$MMCV_OPS" != 1 ] || fail "mmcv's operators did not compile, see $scratch/mmcv.log"
    reason="they did not compile, see $scratch/mmcv.log"
  fi
  say "      mmcv is installed without compiled operators ($reason); nothing in this package needs them on CPU"
  plain_mmcv
}

# auto takes whatever an earlier run settled on; 0 and 1 insist.
mmcv_stage() { # BASE_KEY
  local wanted
  for wanted in none compiled; do
    case $MMCV_OPS-$wanted in 0-compiled | 1-none) continue ;; esac
    if is_done mmcv "$1:$wanted"; then stage_number=$((stage_number + 1)); return; fi
  done
  stage mmcv "$1" "mmcv" install_mmcv
}

install_sources() {
  pip_install --no-deps --no-build-isolation "$(pin onedl-mmdetection)"
  # From source: its wheels are built for numpy 1. In a wheelhouse lies one that we have built.
  local from_source=(--no-binary xtcocotools --no-cache-dir)
  [ -z "$WHEELHOUSE" ] || from_source=()
  pip_install --no-deps --no-build-isolation "${from_source[@]}" "$(pin xtcocotools)" ||
    fail "xtcocotools could not be built; it needs a C compiler and the Python headers (Debian: apt install g++ python3-dev)"
}

install_package() { pip_install --no-deps --no-build-isolation -e .; }

check_everything() { "$py" tools/doctor.py --brief || fail "the installation is not usable: see above"; }

# A function, because bash reads a script while it runs it, and a `git pull` may change it meanwhile.
main() {
  local version key_venv key_torch key_wheels key_sources key_package
  case $MMCV_OPS in auto | 0 | 1) ;; *) fail "MMCV_OPS=$MMCV_OPS: expected auto, 0 or 1" ;; esac
  [ -z "$TORCH_FILE" ] || [ -f "$TORCH_FILE" ] || fail "TORCH_FILE=$TORCH_FILE: no such file"
  if [ -n "$WHEELHOUSE" ]; then
    [ -d "$WHEELHOUSE" ] || fail "WHEELHOUSE=$WHEELHOUSE: no such folder"
    PIP_FIND_LINKS=$(cd "$WHEELHOUSE" && pwd)
    export PIP_FIND_LINKS PIP_NO_INDEX=1
  fi

  # One run at a time in one environment. A killed run's children keep the lock until they end.
  mkdir -p "$VENV"
  if command -v flock >/dev/null; then
    exec 9>"$VENV/.lock"
    flock -n 9 || { say "another install is at work in $VENV, waiting for it"; flock 9; }
  fi

  # An environment whose Python is gone or is another version starts over.
  if [ -e "$VENV/pyvenv.cfg" ] && ! "$py" -c '' 2>/dev/null; then
    say "$VENV has no working Python any more, starting over"
    rm -rf "$stamps" "$VENV/bin" "$VENV/lib" "$VENV/lib64" "$VENV/include"
  fi

  forget_stages
  remember_settings
  TORCH_FILE=${TORCH_FILE:-requirements/torch.txt}
  SYSTEM_TORCH=${SYSTEM_TORCH:-0}
  PYTHON=$(find_python)
  version=$("$PYTHON" -c 'import sys; print(sys.version.split()[0], sys.prefix)')
  key_venv=$(say "$version $SYSTEM_TORCH" | hash_of -)
  key_torch=$key_venv-$(say "$TORCH_INDEX" | hash_of - "$TORCH_FILE")
  key_wheels=$key_venv-$(hash_of requirements/build.txt requirements/lock.txt)
  key_sources=$key_venv-$(hash_of requirements/sources.txt)
  key_package=$key_venv-$(pwd | hash_of - setup.py pyproject.toml)

  stage venv "$key_venv" "virtual environment in $VENV" make_venv
  stage torch "$key_torch" "torch (the default build with CUDA takes 5 GB; see TORCH_INDEX in docs/install.md)" install_torch
  stage wheels "$key_torch-$key_wheels" "pinned packages" install_wheels
  mmcv_stage "$key_torch-$key_sources"
  stage sources "$key_torch-$key_sources" "mmdet and xtcocotools" install_sources
  stage package "$key_package" "kpt_plugins" install_package
  stage check "$key_torch-$key_wheels-$key_sources-$key_package-$(cat "$stamps/mmcv")" "check" check_everything
  rm -rf "$scratch/wheels" "$scratch/header"
}

main
exit
