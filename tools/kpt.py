"""The console script ``kpt``, for a checkout that is not installed: ``python tools/kpt.py``."""

from kpt_plugins.cli.main import main

if __name__ == '__main__':
    main()
