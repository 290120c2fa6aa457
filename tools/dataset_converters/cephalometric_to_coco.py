r"""Make COCO-style files for CephalometricDataset from the landmarks of CL-Detection 2023.

The landmarks are in the challenge's train-gt.json, a list "points" of objects with the number of a
landmark ("name", 1 to 38), its x, y and the number of its image from 1 ("point"), and mm a pixel
("scale"); see github.com/cwwang1979/CL-detection2023. The images come as one stack, padded with
zeros; the script pre_processing_train_stack.py of that repository writes them as single files
without the padding, 0.bmp to 399.bmp. Files that count from 1 are recognised.

Writes cephalometric_train.json, cephalometric_val.json and cephalometric_test.json. Seed 2023 with
50 images each for val and test are the split of the organisers' MMPose baseline
(github.com/szuboy/CL-Detection2023-MMPose).

Example:
    python tools/dataset_converters/cephalometric_to_coco.py train-gt.json \
        --images data/cephalometric/images -o data/cephalometric/annotations
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

NUM_LANDMARKS = 38
Landmarks = dict[int, list[float]]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('landmarks', help="the challenge's train-gt.json")
    parser.add_argument('--images', required=True, help='directory of the single images')
    parser.add_argument('-o', '--out', required=True, help='directory of the files to write')
    parser.add_argument('--val', type=int, default=50, help='number of images in val')
    parser.add_argument('--test', type=int, default=50, help='number of images in test')
    parser.add_argument('--seed', type=int, default=2023, help='of the order of the images')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse_args(argv)
    try:
        spacings, landmarks = read_landmarks(args.landmarks)
        paths = find_images(args.images, sorted(spacings))
        subsets = split_images(sorted(spacings), args.val, args.test, args.seed)
        contents = {
            name: coco_content(numbers, paths, spacings, landmarks)
            for name, numbers in subsets.items()
        }
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    for name, content in contents.items():
        path = Path(args.out) / f'cephalometric_{name}.json'
        write_json(path, content)
        print(f'wrote {path}: {len(content["images"])} images')
    return 0


def read_landmarks(path: str | Path) -> tuple[dict[int, float], dict[int, Landmarks]]:
    """The challenge's file as mm a pixel and landmarks (x, y by number) of each image number.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not the challenge's format; the message names file, point and field.
    """
    from kpt_plugins.datasets.annotation_file import read_json

    content = read_json(path)
    points = content.get('points') if isinstance(content, dict) else None
    if not isinstance(points, list) or not points:
        raise ValueError(f'{path}: no list "points" in it, expected the landmarks of CL-Detection')
    spacings: dict[int, float] = {}
    landmarks: dict[int, Landmarks] = {}
    for index, point in enumerate(points):
        try:
            image, name, position, spacing = _read_point(point)
            if spacings.setdefault(image, spacing) != spacing:
                raise ValueError(f'scale: {spacing}, but {spacings[image]} before for the image')
            if name in landmarks.setdefault(image, {}):
                raise ValueError(f'landmark {name} of image {image} is there twice')
        except ValueError as error:
            raise ValueError(f'{path}: points[{index}]: {error}') from error
        landmarks[image][name] = position
    for image, found in landmarks.items():
        missing = sorted(set(range(1, NUM_LANDMARKS + 1)) - set(found))
        if missing:
            raise ValueError(f'{path}: image {image} has no landmark {missing}')
    return spacings, landmarks


def find_images(folder: str | Path, numbers: Sequence[int]) -> dict[int, Path]:
    """Image files by the image numbers of the landmarks, which count from 1.

    Files are called by a number from 0 or from 1 with any ending of an image.

    Raises:
        FileNotFoundError: if the folder or an image is missing.
        ValueError: if two files have the same number.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder}: there is no such image directory')
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if re.fullmatch(r'\d+\.(bmp|png|jpe?g|tiff?)', path.name, re.IGNORECASE):
            if int(path.stem) in found:
                raise ValueError(f'{path} and {found[int(path.stem)]}: two images of one number')
            found[int(path.stem)] = path
    first = 0 if 0 in found else 1
    for number in numbers:
        if number - 1 + first not in found:
            raise FileNotFoundError(
                f'{folder / str(number - 1 + first)}.*: there is no such image; it is number '
                f'{number} of {len(numbers)} with landmarks, files count from {first}'
            )
    return {number: found[number - 1 + first] for number in numbers}


def split_images(numbers: Sequence[int], val: int, test: int, seed: int) -> dict[str, list[int]]:
    """Image numbers of train, val and test, in random order; empty subsets are left out.

    Raises:
        ValueError: if nothing is left for train, or a size is negative.
    """
    train = len(numbers) - val - test
    if min(val, test) < 0 or train < 1:
        raise ValueError(f'--val {val} --test {test}: {train} of {len(numbers)} images for train')
    order = list(numbers)
    random.Random(seed).shuffle(order)
    subsets = dict(train=order[:train], val=order[train : train + val], test=order[train + val :])
    return {name: subset for name, subset in subsets.items() if subset}


def coco_content(
    numbers: Sequence[int],
    paths: dict[int, Path],
    spacings: dict[int, float],
    landmarks: dict[int, Landmarks],
) -> dict[str, Any]:
    """A COCO-style file of some images; each has one annotation, whose box is the image."""
    from PIL import Image

    from kpt_plugins.datasets.cephalometric_dataset import LANDMARKS

    images, annotations = [], []
    for number in sorted(numbers):
        with Image.open(paths[number]) as file:
            width, height = file.size
        images.append(
            dict(
                id=number,
                file_name=paths[number].name,
                width=width,
                height=height,
                spacing=spacings[number],
            )
        )
        points = [landmarks[number][name] for name in range(1, NUM_LANDMARKS + 1)]
        annotations.append(
            dict(
                id=number,
                image_id=number,
                category_id=1,
                bbox=[0, 0, width, height],
                area=width * height,
                iscrowd=0,
                num_keypoints=NUM_LANDMARKS,
                keypoints=[value for x, y in points for value in (x, y, 2)],
            )
        )
    category = dict(id=1, name='cephalogram', keypoints=list(LANDMARKS), skeleton=[])
    return dict(images=images, annotations=annotations, categories=[category])


def write_json(path: Path, content: dict) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f'{path.name}.tmp')
    draft.write_text(json.dumps(content), encoding='utf-8')
    draft.replace(path)


def _read_point(point: Any) -> tuple[int, int, list[float], float]:
    """Image number, landmark number, x and y, and mm a pixel of one object."""
    if not isinstance(point, dict):
        raise ValueError(f'a {type(point).__name__}, expected an object')
    try:
        name, spacing = int(point['name']), float(point['scale'])
        x, y, image = point['point']
    except (KeyError, TypeError, ValueError) as error:
        expected = 'expected name (1 to 38), point [x, y, image number] and scale (mm a pixel)'
        raise ValueError(f'{point!r:.120}: {expected}') from error
    if not 1 <= name <= NUM_LANDMARKS:
        raise ValueError(f'name: {name}, expected 1 to {NUM_LANDMARKS}')
    if not 0 < spacing < math.inf:
        raise ValueError(f'scale: {spacing}, expected mm a pixel')
    if not all(isinstance(v, (int, float)) and math.isfinite(v) for v in (x, y)):
        raise ValueError(f'point: {point["point"]}, expected [x, y, image number]')
    if not isinstance(image, int) or image < 1:
        raise ValueError(f'point: image number {image!r}, expected a whole number from 1')
    return image, name, [x, y], spacing


if __name__ == '__main__':
    sys.exit(main())
