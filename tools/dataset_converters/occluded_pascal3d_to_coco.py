r"""Make COCO-style files for OccludedPascal3DDataset from OccludedPASCAL3D+ and PASCAL3D+ v1.1.

ROOT is the folder of OccludedPASCAL3D+ with annotations/, images/ and lists/. It has masks of the
occluders and of the objects; boxes, keypoints and azimuths come from PASCAL3D+ itself. Writes
CATEGORY_val.json with the images of all levels; image names in it are relative to ROOT/images, and
those of the masks to ROOT/annotations. A keypoint is occluded where the pixel at it is.

Default are the levels L1, L2 and L3 for tasks with a given box: object and background covered
alike (FGL1_BGL1, FGL2_BGL2, FGL3_BGL3).

Example:
    python tools/dataset_converters/occluded_pascal3d_to_coco.py data/occluded_pascal3d \
        --pascal3d /where/it/is/PASCAL3D+_release1.1 -o data/occluded_pascal3d/annotations
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

DIAGONAL = ('FGL1_BGL1', 'FGL2_BGL2', 'FGL3_BGL3')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('root', help='folder of OccludedPASCAL3D+')
    parser.add_argument('--pascal3d', required=True, help='folder PASCAL3D+_release1.1')
    parser.add_argument('-o', '--out', required=True, help='directory of the files to write')
    parser.add_argument(
        '--levels',
        nargs='+',
        default=DIAGONAL,
        metavar='FGLx_BGLy',
        help=f'one a level of the object, default {" ".join(DIAGONAL)}',
    )
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
        try:
            content, left_out = convert(Path(args.root), Path(args.pascal3d), category, args.levels)
        except (OSError, ValueError) as error:
            print(f'error: {error}', file=sys.stderr)
            return 1
        path = Path(args.out) / f'{category}_val.json'
        write_json(path, content)
        print(
            f'wrote {path}: {len(content["images"])} images; left out {left_out} without a '
            f'keypoint that is annotated as seen'
        )
    return 0


def convert(
    root: Path, pascal3d: Path, category: str, levels: tuple[str, ...] | list[str] = DIAGONAL
) -> tuple[dict[str, Any], int]:
    """The COCO-style content of a category, and the number of images left out.

    Raises:
        FileNotFoundError: if a list, an annotation file or an image is missing.
        ValueError: if the category or a level is unknown, a file is not of its data set, a mask
            has another size than its image, or no image is left.
    """
    from kpt_plugins.datasets.pascal3d_files import (
        coco_annotation,
        coco_image,
        read_names,
        read_objects,
    )
    from kpt_plugins.datasets.pascal3d_keypoints import KEYPOINTS, category_id

    number = category_id(category)
    images, annotations, total = [], [], 0
    for level, setting in number_levels(levels).items():
        folder = f'{category}{setting}'
        names = read_names(root / 'lists' / f'{folder}.txt')
        total += len(names)
        for name in names:
            source = pascal3d / 'Annotations' / f'{category}_imagenet' / f'{name}.mat'
            items = [item for item in read_objects(source) if item.category == category]
            if not items or not items[0].num_visible:
                continue
            index = len(images) + 1
            image = coco_image(index, root / 'images', f'{folder}/{name}.JPEG')
            mask_name = f'{folder}/{name}.npz'
            occluder, obj = read_masks(
                root / 'annotations' / mask_name, (image['height'], image['width'])
            )
            images.append(dict(image, occluder_mask=mask_name))
            annotation = coco_annotation(index, index, number, items[0], KEYPOINTS[category])
            annotations.append(
                dict(
                    annotation,
                    occlusion_level=level,
                    keypoints_occluded=covered_keypoints(annotation['keypoints'], occluder),
                    object_occluded=share(occluder[obj]),
                    background_occluded=share(occluder[~obj]),
                )
            )
    if not images:
        raise ValueError(f'{root}: no image of {category} has a keypoint annotated as seen')
    record = dict(id=number, name=category, keypoints=list(KEYPOINTS[category]), skeleton=[])
    return dict(images=images, annotations=annotations, categories=[record]), total - len(images)


def number_levels(settings: tuple[str, ...] | list[str]) -> dict[int, str]:
    """Settings FGLx_BGLy by the level x of the object."""
    levels: dict[int, str] = {}
    for setting in settings:
        match = re.fullmatch(r'FGL([1-3])_BGL[1-3]', setting)
        if not match:
            raise ValueError(f'--levels {setting}: expected FGLx_BGLy with x, y of 1, 2, 3')
        if levels.setdefault(int(match[1]), setting) != setting:
            raise ValueError(f'--levels: {setting} and {levels[int(match[1])]}: expected one a FGL')
    return levels


def read_masks(path: Path, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the occluders and of the object, bool (height, width), from an .npz file."""
    if not path.is_file():
        raise FileNotFoundError(f'{path}: there is no such annotation file')
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = [content[key] for key in ('occluder_mask', 'mask')]
    except (KeyError, ValueError, BadZipFile, EOFError) as error:
        raise ValueError(
            f'{path}: expected arrays occluder_mask and mask of OccludedPASCAL3D+ ({error})'
        ) from error
    masks = []
    for key, array in zip(('occluder_mask', 'mask'), arrays, strict=True):
        array = array[..., 0] if array.ndim == 3 else array
        if array.shape != shape:
            raise ValueError(f'{path}: {key}: shape {array.shape}, its image has {shape}')
        masks.append(array)
    occluder, obj = masks
    # Object masks were saved as JPEG: their background is not quite 0.
    return occluder > 0.5, obj > (10 if obj.max() > 1 else 0)


def covered_keypoints(keypoints: list[float], occluder: np.ndarray) -> list[int]:
    """1 for each labelled keypoint whose pixel is under an occluder, else 0."""
    height, width = occluder.shape
    covered = []
    for x, y, seen in np.reshape(keypoints, (-1, 3)):
        column, row = round(x), round(y)
        inside = 0 <= column < width and 0 <= row < height
        covered.append(int(bool(seen) and inside and bool(occluder[row, column])))
    return covered


def share(covered: np.ndarray) -> float | None:
    """Share of pixels that are covered, rounded; None of none."""
    return round(float(covered.mean()), 4) if covered.size else None


if __name__ == '__main__':
    sys.exit(main())
