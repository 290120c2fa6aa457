# Sourced by dist_run.sh and slurm_run.sh: sets PYTHON, where it is not set, to the environment that
# `make install` made beside this folder, or else to the one that is active.
if [ -z "${PYTHON:-}" ]; then
    PYTHON=python
    if [ -x "$folder/../.venv/bin/python" ]; then PYTHON=$folder/../.venv/bin/python; fi
fi
