"""``kpt check-dataset``, for a checkout that is not installed.

Example:
    python tools/check_dataset.py data/mp100/annotations/mp100_split1_test.json \
        --images data/mp100/images
"""

from __future__ import annotations

import sys

from kpt_plugins.cli.check_dataset import command


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    try:
        command(argv, prog_name='check_dataset.py')
    except SystemExit as end:
        return end.code


if __name__ == '__main__':
    sys.exit(main())
