import platform
import subprocess
import sys
from pathlib import Path

import pytest

from kpt_plugins.engine import memory
from kpt_plugins.engine.memory import keep_freed_memory

GLIBC = platform.system() == 'Linux' and platform.libc_ver()[0] == 'glibc'

# The module is imported without its package, whose imports take seconds.
COUNT_PAGE_FAULTS = """
import resource, sys
import numpy as np
from memory import keep_freed_memory
if sys.argv[1] == 'keep':
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(1 << 23)
before = faults()
for _ in range(8):
    np.ones(1 << 23)
print(faults() - before)
"""


@pytest.mark.skipif(not GLIBC, reason='glibc only')
def test_freed_memory_is_used_again():
    def page_faults(how):
        command = [sys.executable, '-c', COUNT_PAGE_FAULTS, how]
        folder = Path(memory.__file__).parent
        return int(subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=True).stdout)

    assert page_faults('keep') < page_faults('return') / 4


def test_nothing_happens_without_glibc(monkeypatch):
    monkeypatch.setattr(memory.platform, 'libc_ver', lambda: ('', ''))
    monkeypatch.setattr(memory.ctypes, 'CDLL', None)  # called, it would raise
    assert not keep_freed_memory()
