r"""Make COCO-style files for ObjectNet3DDataset from ObjectNet3D.

ROOT is the folder with Annotations/, Images/ and Image_sets/. Every object with a keypoint that is
seen is taken, unless it is marked as difficult. Writes objectnet3d_SUBSET.json for each list
train, val and test that is there; image names in them are relative to Images/. The keypoint names
of a category are those of its anchors in all lists, in the order of the files.

Example:
    ln -s /where/it/is/ObjectNet3D/Images data/objectnet3d/Images
    python tools/dataset_converters/objectnet3d_to_coco.py /where/it/is/ObjectNet3D \
        -o data/objectnet3d/annotations
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SUBSETS = ('train', 'val', 'test')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('root', help='folder of ObjectNet3D')
    parser.add_argument('-o', '--out', required=True, help='directory of the files to write')
    parser.add_argument(
        '--categories', nargs='+', metavar='NAME', help='some of the 100 categories, default all'
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    # Imported late, so that --help answers at once.
    from kpt_plugins.datasets.pascal3d_files import write_json

    try:
        contents = convert(Path(args.root), args.categories)
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    for subset, content in contents.items():
        path = Path(args.out) / f'objectnet3d_{subset}.json'
        write_json(path, content)
        counts = ', '.join(f'{len(content[k])} {k}' for k in ('categories', 'images'))
        print(f'wrote {path}: {counts}, {len(content["annotations"])} objects')
    return 0


def convert(root: Path, categories: list[str] | None = None) -> dict[str, dict[str, Any]]:
    """The COCO-style content of each list that is there; all have the same category records.

    Raises:
        FileNotFoundError: if there is no list of train, or an annotation file or an image is
            missing.
        ValueError: if a category is unknown, an annotation file is not one of ObjectNet3D, or a
            list has no object with keypoints.
    """
    from kpt_plugins.datasets.objectnet3d_dataset import CATEGORIES
    from kpt_plugins.datasets.pascal3d_files import coco_annotation, coco_image

    unknown = sorted(set(categories or ()) - set(CATEGORIES))
    if unknown:
        raise ValueError(f'--categories: {", ".join(unknown)}: expected some of {CATEGORIES}')
    wanted = set(categories or CATEGORIES)
    found = {subset: list(usable_objects(root, subset, wanted)) for subset in find_lists(root)}
    names: dict[str, dict[str, None]] = {}
    for _, item in (pair for pairs in found.values() for pair in pairs):
        names.setdefault(item.category, {}).update(dict.fromkeys(item.keypoints))
    records = [
        dict(id=i, name=name, keypoints=list(names[name]), skeleton=[])
        for i, name in enumerate(CATEGORIES, 1)
        if name in names
    ]
    ids = {record['name']: record['id'] for record in records}
    contents = {}
    for subset, pairs in found.items():
        if not pairs:
            raise ValueError(f'{root}: no object of {subset} has a keypoint that is seen')
        files = {name: i for i, name in enumerate(dict.fromkeys(name for name, _ in pairs), 1)}
        contents[subset] = dict(
            images=[coco_image(i, root / 'Images', f'{name}.JPEG') for name, i in files.items()],
            annotations=[
                coco_annotation(
                    index, files[name], ids[item.category], item, list(names[item.category])
                )
                for index, (name, item) in enumerate(pairs, 1)
            ],
            categories=records,
        )
    return contents


def find_lists(root: Path) -> list[str]:
    """Subsets whose list is there; that of train has to be."""
    lists = {subset: root / 'Image_sets' / f'{subset}.txt' for subset in SUBSETS}
    if not lists['train'].is_file():
        raise FileNotFoundError(f'{lists["train"]}: there is no such list of images')
    return [subset for subset, path in lists.items() if path.is_file()]


def usable_objects(root: Path, subset: str, wanted: set[str]) -> Iterator[tuple[str, Any]]:
    """Image name and object, for those of a list that have a keypoint and are not difficult."""
    from kpt_plugins.datasets.pascal3d_files import read_names, read_objects

    for name in read_names(root / 'Image_sets' / f'{subset}.txt'):
        for item in read_objects(root / 'Annotations' / f'{name}.mat'):
            if item.category in wanted and item.num_visible and not item.difficult:
                yield name, item


if __name__ == '__main__':
    sys.exit(main())
