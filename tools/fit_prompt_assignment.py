"""Name the prompts of a weak-shot model after a category's keypoints, from annotated images.

A weak-shot model predicts unnamed points. A few annotated images tell which prompt is which
keypoint: the assignment of lowest distance. By default they are the 'fit' images of the config's
test data; --ann-file names others, in COCO style.

Examples:
    python tools/fit_prompt_assignment.py weakshot_synth epoch_10.pth --out names.json
    python tools/fit_prompt_assignment.py weakshot_custom epoch_10.pth --data-root my_data \
        --ann-file annotations/five_deer.json --out deer.json --save-checkpoint deer.pth
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kpt_plugins.apis.checkpoint import load_checkpoint_safely
from kpt_plugins.apis.model_loading import build_dataset, load_model
from kpt_plugins.apis.prompt_assignment import (
    fit_prompt_assignment,
    save_assignment,
    save_named_model,
)
from kpt_plugins.apis.run_config import add_config_arguments
from kpt_plugins.apis.weak_shot_config import load_weak_shot_config


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', default='prompt_names.json', help='JSON file to write')
    parser.add_argument(
        '--ann-file', help='annotation file of the images, instead of those of the config'
    )
    parser.add_argument('--data-root', default='', help='folder of --ann-file and --images')
    parser.add_argument('--images', help='image folder of --ann-file  (default: images)')
    parser.add_argument(
        '--categories', nargs='+', type=int, help='category ids, by default all annotated ones'
    )
    parser.add_argument(
        '--as-category',
        type=int,
        help='category id under which the model shall know the one category of --ann-file, where '
        'its own id is another',
    )
    parser.add_argument('--max-images', type=int, help='at most this many of each category')
    parser.add_argument(
        '--save-checkpoint', metavar='FILE', help='also write a checkpoint that knows the names'
    )
    parser.add_argument(
        '--prediction-only',
        action='store_true',
        help='leave keyness and correspondence out of that checkpoint',
    )
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:1')
    parser.add_argument(
        '--allow-pickle',
        action='store_true',
        help='load a checkpoint that holds arbitrary Python objects; only from authors you trust',
    )
    args = parser.parse_args(argv)
    if args.max_images is not None and args.max_images < 1:
        parser.error(f'--max-images {args.max_images}: expected 1 or more')
    if args.as_category is not None and args.as_category < 0:
        parser.error(f'--as-category {args.as_category}: expected 0 or more')
    for option, given, needed in (
        ('--as-category', args.as_category is not None, '--ann-file'),
        ('--data-root', args.data_root, '--ann-file'),
        ('--images', args.images, '--ann-file'),
        ('--prediction-only', args.prediction_only, '--save-checkpoint'),
    ):
        if given and not getattr(args, needed[2:].replace('-', '_')):
            parser.error(f'{option} needs {needed}')
    if args.save_checkpoint and Path(args.save_checkpoint).is_dir():
        parser.error(f'--save-checkpoint {args.save_checkpoint} is a folder; expected a file')
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        run(args)
    except (ValueError, OSError, ImportError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


def run(args: argparse.Namespace) -> None:
    """Fit, write and print the names."""
    cfg = load_weak_shot_config(args.config, args.cfg_options)
    if args.ann_file:
        records = dict(
            type='MP100Dataset',
            data_root=args.data_root,
            ann_file=args.ann_file,
            data_prefix=dict(img=args.images or 'images'),
        )
        # every image of the file is there to be fitted on
        cfg.test_dataloader.dataset.update(
            base=None, novel=records, novel_classes=None, novel_train_ratio=1.0, max_images=None
        )
    model = load_model(cfg, args.checkpoint, args.device, args.allow_pickle)
    dataset = build_dataset(cfg, 'test')
    named = fit_prompt_assignment(model, dataset, args.categories, max_images=args.max_images)
    if args.as_category is not None:
        if len(named) > 1:
            raise ValueError(
                f'--as-category {args.as_category} is for one category, got '
                f'{[category.category_id for category in named]}; choose with --categories'
            )
        named = [replace(named[0], category_id=args.as_category)]
    save_assignment(args.out, named)
    for category in named:
        print(f'{category.category_id} {category.category_name}, {category.num_images} images')
        rows = zip(category.keypoint_names, category.prompts, category.distances, strict=True)
        for name, prompt, distance in rows:
            print(f'  {name}: ' + (f'prompt {prompt}, {distance:.3f}' if prompt >= 0 else 'none'))
    print(f'names of {len(named)} categories written to {args.out}')
    if args.save_checkpoint:
        content = load_checkpoint_safely(args.checkpoint, 'cpu', args.allow_pickle)
        save_named_model(
            args.save_checkpoint, model, named, content.get('meta'), args.prediction_only
        )
        print(f'checkpoint with these names written to {args.save_checkpoint}')


if __name__ == '__main__':
    sys.exit(main())
