"""Print a config with everything it inherits and every override applied.

Examples:
    python tools/analysis/print_config.py fmmp_synth --cfg-options train_cfg.max_epochs=5
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from kpt_plugins.apis.run_config import add_config_arguments, load_config


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description='Print a whole config.')
    add_config_arguments(parser)
    parser.add_argument('--out', metavar='PY', help='file to write it to instead')
    args = parser.parse_args(argv)
    cfg = load_config(args.config, args.cfg_options)
    if args.out:
        cfg.dump(args.out)
    else:
        print(cfg.pretty_text)


if __name__ == '__main__':
    main()
