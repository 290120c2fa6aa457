"""Starting tools as a user does, in processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TINY = ROOT / 'tests' / 'tiny_fmmp.py'


def environment(data_root, **extra):
    """What a run needs: the data, one thread (a process each), and modules of the test."""
    return {**os.environ, 'KPT_DATA_ROOT': str(data_root), 'OMP_NUM_THREADS': '1', **extra}


def run_tool(name, *arguments, data_root, expect=0, **extra):
    """Run ``tools/NAME``; returns its whole output, fails with it on another exit status."""
    interpreter = 'bash' if name.endswith('.sh') else sys.executable
    command = [interpreter, str(ROOT / 'tools' / name), *map(str, arguments)]
    done = subprocess.run(
        command,
        env=environment(data_root, PYTHON=sys.executable, **extra),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
    )
    assert done.returncode == expect, f'{" ".join(command)}\n{done.stdout}'
    return done.stdout
