"""Benchmarks as modules: they are scripts in a folder that is no package."""

import importlib
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / 'benchmarks'


def load_benchmark(name):
    """The module of ``benchmarks/NAME.py``, which imports its neighbours as a script does."""
    if str(BENCHMARKS) not in sys.path:
        sys.path.insert(0, str(BENCHMARKS))
    return importlib.import_module(name)
