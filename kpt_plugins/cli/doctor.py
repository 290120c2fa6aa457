"""``kpt doctor``: what is installed, what will not work, and how to repair it."""

from __future__ import annotations

import click


@click.command('doctor')
@click.option('--json', 'as_json', is_flag=True, help='Print one JSON object.')
@click.option('--brief', is_flag=True, help='Print problems only.')
def command(as_json: bool, brief: bool) -> None:
    """Say which versions are installed, what will not work, and the command that repairs it.

    The exit code is 1 where training could not run. Where this command does not even start, run
    tools/doctor.py, which needs nothing but Python.
    """
    import subprocess
    import sys

    from kpt_plugins.apis.config_lookup import find_tool

    # in a process of its own, in which nothing is imported yet
    options = ['--json'] * as_json + ['--brief'] * brief
    raise SystemExit(subprocess.run([sys.executable, find_tool('doctor.py'), *options]).returncode)
