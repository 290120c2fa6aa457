import subprocess
import sys

from .loading import BENCHMARKS

MEASURED = 'import torch; from memory import peak_growth; ' + (
    'print(peak_growth(lambda: torch.ones(2**26).sum(), repeats=1))'  # 256 MiB
)


def test_peak_growth():
    # in a process of its own: in this one, memory that earlier tests freed would be used again
    command = [sys.executable, '-c', MEASURED]
    done = subprocess.run(command, cwd=BENCHMARKS, check=True, stdout=subprocess.PIPE, text=True)
    assert 200 < float(done.stdout) < 600
