"""Peak memory of a piece of work, on Linux."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def peak_growth(function: Callable[[], object], repeats: int = 3) -> float:
    """By how many MiB the resident memory of this process grows at its peak.

    Call it in a process of its own: what others freed before would be used again.

    Raises:
        OSError: if the system does not tell.
    """
    before = _resident('VmRSS')
    # From here on the kernel counts the peak anew: that of the imports was higher.
    Path('/proc/self/clear_refs').write_text('5')
    for _ in range(repeats):
        function()
    return _resident('VmHWM') - before


def _resident(field: str) -> float:
    """Present (VmRSS) or peak (VmHWM) memory of this process in MiB."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(f'{field}:'):
            return int(line.split()[1]) / 1024
    raise OSError(f'/proc/self/status has no {field}; measuring memory needs Linux')
