r"""Make COCO-style files for Pascal3DDataset from PASCAL3D+ v1.1.

ROOT is the folder PASCAL3D+_release1.1 with Annotations/, Images/ and Image_sets/. Only the part
of ImageNet is used, with its official lists train and val: the first object of the category in
each image, and its keypoints that are seen. Writes CATEGORY_train.json and CATEGORY_val.json;
image names in them are relative to Images/.

Example:
    ln -s /where/it/is/PASCAL3D+_release1.1/Images data/pascal3d/Images
    python tools/dataset_converters/pascal3d_to_coco.py /where/it/is/PASCAL3D+_release1.1 \
        -o data/pascal3d/annotations
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

SUBSETS = ('train', 'val')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('root', help='folder PASCAL3D+_release1.1')
    parser.add_argument('-o', '--out', required=True, help='directory of the files to write')
    parser.add_argument(
        '--categories', nargs='+', metavar='NAME', help='some of the 12 categories, default all'
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    # Imported late, so that --help answers at once.
    from kpt_plugins.datasets.pascal3d_files import write_json
    from kpt_plugins.datasets.pascal3d_keypoints import KEYPOINTS

    for category in args.categories or KEYPOINTS:
        for subset in SUBSETS:
            try:
                content, left_out = convert(Path(args.root), category, subset)
            except (OSError, ValueError) as error:
                print(f'error: {error}', file=sys.stderr)
                return 1
            path = Path(args.out) / f'{category}_{subset}.json'
            write_json(path, content)
            print(
                f'wrote {path}: {len(content["images"])} images; left out {left_out} without a '
                f'keypoint that is seen'
            )
    return 0


def convert(root: Path, category: str, subset: str) -> tuple[dict[str, Any], int]:
    """The COCO-style content of a subset of a category, and the number of images left out.

    Raises:
        FileNotFoundError: if the list, an annotation file or an image is missing.
        ValueError: if the category is unknown, an annotation file is not one of PASCAL3D+, or no
            image is left; the message names the file.
    """
    from kpt_plugins.datasets.pascal3d_files import coco_annotation, coco_image, read_names
    from kpt_plugins.datasets.pascal3d_keypoints import KEYPOINTS, category_id

    number = category_id(category)
    names = read_names(root / 'Image_sets' / f'{category}_imagenet_{subset}.txt')
    images, annotations = [], []
    for name in names:
        item = first_object(root, category, name)
        if item is None:
            continue
        index = len(images) + 1
        images.append(coco_image(index, root / 'Images', f'{category}_imagenet/{name}.JPEG'))
        annotations.append(coco_annotation(index, index, number, item, KEYPOINTS[category]))
    if not images:
        raise ValueError(f'{root}: no image of {category}_{subset} has a keypoint that is seen')
    record = dict(id=number, name=category, keypoints=list(KEYPOINTS[category]), skeleton=[])
    content = dict(images=images, annotations=annotations, categories=[record])
    return content, len(names) - len(images)


def first_object(root: Path, category: str, name: str) -> Any:
    """The first object of the category in an image; None if no keypoint of it is seen."""
    from kpt_plugins.datasets.pascal3d_files import read_objects

    objects = read_objects(root / 'Annotations' / f'{category}_imagenet' / f'{name}.mat')
    items = [item for item in objects if item.category == category]
    return items[0] if items and items[0].num_visible else None


if __name__ == '__main__':
    sys.exit(main())
