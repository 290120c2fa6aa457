"""Convert a checkpoint of the released FMMP code or of MMPose 0.x for this package.

The kind is told from the names of the parameters. CONFIG is that of the model: for FMMP one of the
shipped ones, for MMPose 0.x the MMPose 1.x config of the same model. The converted checkpoint has
all weights of that model or is not written, and holds the config.

Examples:
    python tools/convert_checkpoint.py fmmp_mp100_split1 released.pth fmmp_split1.pth
    python tools/convert_checkpoint.py td-hm_res50.py old_res50.pth res50.pth
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from kpt_plugins.apis.checkpoint_conversion import convert_checkpoint
from kpt_plugins.apis.run_config import add_config_arguments, load_config


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    parser.add_argument('source', help='the old checkpoint')
    parser.add_argument('out', help='the new checkpoint')
    parser.add_argument('--force', action='store_true', help='replace OUT')
    parser.add_argument(
        '--allow-pickle',
        action='store_true',
        help='load a checkpoint that holds arbitrary Python objects; only from authors you trust',
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    cfg = load_config(args.config, args.cfg_options)
    note = convert_checkpoint(cfg, args.source, args.out, args.allow_pickle, args.force)
    print(f'{args.out} written. {note}')


if __name__ == '__main__':
    main()
