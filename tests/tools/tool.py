"""Tools as modules, so that tests can call their functions without a process each."""

import importlib.util
from pathlib import Path

TOOLS = Path(__file__).parents[2] / 'tools'


def load_tool(name):
    """The module of ``tools/NAME.py``."""
    path = TOOLS / f'{name}.py'
    spec = importlib.util.spec_from_file_location(f'tool_{path.stem}', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
