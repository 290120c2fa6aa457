"""``kpt``: a group of commands, each in a module of its own."""

from __future__ import annotations

import importlib
import sys

import click

COMMANDS: dict[str, str] = {
    'predict': 'predict',
    'autolabel': 'autolabel',
    'train-detector': 'train_detector',
    'convert': 'convert',
    'export': 'export',
    'doctor': 'doctor',
    'check-dataset': 'check_dataset',
    'web': 'web',
}
"""Modules of this package by the command's name; each has its click command as ``command``."""


class LazyGroup(click.Group):
    """Imports a command's module when the command is called or listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        return importlib.import_module(f'{__package__}.{COMMANDS[name]}').command


@click.group(cls=LazyGroup, context_settings=dict(help_option_names=['-h', '--help']))
@click.version_option(package_name='kpt_plugins')
def kpt() -> None:
    """Keypoints from a few annotated images: predict, label, convert, train, export."""


def main() -> None:
    """Entry point. A user's mistake ends in its message and the exit code 1, without a traceback;
    one in the command line itself, as an unknown option, in the exit code 2.

    Command modules import what is slow inside their functions.
    """
    try:
        kpt()
    except (ValueError, OSError, ImportError) as error:
        click.echo(f'Error: {_message(error)}', err=True)
        sys.exit(1)


def _message(error: Exception) -> str:
    """Of the system's errors the file and the reason, without their number."""
    if isinstance(error, OSError) and error.strerror:
        return ': '.join(str(part) for part in (error.filename, error.strerror) if part)
    return str(error)
