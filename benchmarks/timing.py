"""Fair timing on a machine that is never quite quiet: alternating runs and medians."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import torch

CLOCKS = {'wall': time.perf_counter, 'cpu': time.process_time}


def alternate(
    functions: Mapping[str, Callable[[], object]], rounds: int, clock: str = 'wall'
) -> dict[str, float]:
    """Median seconds of each function, run in turn after one warm-up each.

    Args:
        functions: What to time, by name.
        rounds: Timed runs of each.
        clock: ``'wall'``, or ``'cpu'`` for the time of all threads of this process, which other
            processes on the machine disturb less.
    """
    now = CLOCKS[clock]
    times: dict[str, list[float]] = {name: [] for name in functions}
    for number in range(rounds + 1):
        for name, function in functions.items():
            synchronize()
            start = now()
            function()
            synchronize()
            if number:
                times[name].append(now() - start)
    return {name: median(values) for name, values in times.items()}


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def machine() -> str:
    """Processor, cores, versions and load, in one line."""
    cpuinfo = Path('/proc/cpuinfo')
    names = [
        line.partition(':')[2].strip()
        for line in (cpuinfo.read_text().splitlines() if cpuinfo.is_file() else [])
        if line.startswith('model name')
    ]
    parts = [
        f'{names[0] if names else platform.processor()}, {os.cpu_count()} cores',
        f'{torch.get_num_threads()} threads for PyTorch {torch.__version__}',
        f'Python {platform.python_version()}',
        f'load average {os.getloadavg()[0]:.1f} at the start',
    ]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return '; '.join(parts)
