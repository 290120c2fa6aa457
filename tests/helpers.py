"""Small data sets, drawn and written by the tests."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from kpt_plugins.datasets.mp100_splits import SUBSETS, get_category_ids

NUM_KEYPOINTS = (5, 8, 4, 9, 12, 6)


def write_tiny_mp100(
    root: str | Path,
    prefix: str = 'mp100_split1',
    split: int = 1,
    num_categories: int = 6,
    num_images: int = 20,
) -> Path:
    """Write a data set in the layout of MP-100, with drawn shapes of 64 to 96 pixels.

    It has what makes MP-100 awkward: skeletons that count from 0, from 1 and empty ones in one
    file, categories whose record lists no keypoints, several called "face", image ids above
    2^53, keypoints that are not visible, and visibilities of 1 and 2.

    Args:
        root: Directory to write `annotations/{prefix}_{train,val,test}.json` and `images/` to.
        prefix: Start of the annotation files' names.
        split: The MP-100 split whose category ids are used.
        num_categories: Categories of each subset, the first of the split's.
        num_images: Images of each category, with one instance each.

    Returns:
        The root.
    """
    root = Path(root)
    (root / 'annotations').mkdir(parents=True, exist_ok=True)
    for subset in SUBSETS:
        content = dict(info=dict(description='tiny'), images=[], annotations=[], categories=[])
        for category_id in get_category_ids(split, subset)[:num_categories]:
            _add_category(content, root / 'images', category_id, num_images)
        write_json(root / 'annotations' / f'{prefix}_{subset}.json', content)
    return root


def write_json(path: str | Path, content: object) -> Path:
    """Write a JSON file and return its path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def coco_file(
    num_keypoints: int = 3, skeleton: list | None = None, num_images: int = 2, **category
) -> dict:
    """A minimal valid annotation file: one category, one instance in each 40 x 30 image."""
    points = [[5 + 4 * k, 6 + 3 * k, 2] for k in range(num_keypoints)]
    return dict(
        images=[
            dict(id=i + 1, file_name=f'{i}.png', width=40, height=30) for i in range(num_images)
        ],
        annotations=[
            dict(
                id=i + 1,
                image_id=i + 1,
                category_id=1,
                bbox=[4, 5, 21, 11],
                area=100,
                iscrowd=0,
                num_keypoints=num_keypoints,
                keypoints=[v for point in points for v in point],
            )
            for i in range(num_images)
        ],
        categories=[
            dict(
                id=1,
                name='thing',
                supercategory='',
                keypoints=[f'p{k}' for k in range(num_keypoints)],
                skeleton=[[0, 1], [1, 2]] if skeleton is None else skeleton,
                **category,
            )
        ],
    )


def write_coco(root: Path, content: dict, images: bool = True) -> Path:
    """Write an annotation file as `root/ann.json`, and its images under `root/images`."""
    (root / 'images').mkdir(parents=True, exist_ok=True)
    if images:
        for image in content['images']:
            pixels = np.full((image['height'], image['width'], 3), 127, np.uint8)
            (root / 'images' / image['file_name']).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / 'images' / image['file_name']), pixels)
    return write_json(root / 'ann.json', content)


def _add_category(content: dict, image_dir: Path, category_id: int, num_images: int) -> None:
    """Add one category with its images; all of it depends on the category's id alone.

    id % 3 decides about the skeleton: it counts from 0, from 1, or is empty. Those with an empty
    one have no keypoint names either and are all called "face".
    """
    count = NUM_KEYPOINTS[category_id % len(NUM_KEYPOINTS)]
    rng = np.random.default_rng(category_id)
    angles = 2 * np.pi * np.arange(count) / count
    shape = np.stack([np.cos(angles), np.sin(angles)], axis=1) * rng.uniform(0.4, 1, (count, 1))
    links = [(k, (k + 1) % count) for k in range(count)]
    colors = rng.integers(80, 256, (count, 3)).tolist()
    base = category_id % 3
    content['categories'].append(
        dict(
            id=category_id,
            name='face' if base == 2 else f'thing {category_id}',
            supercategory='thing',
            keypoints=[] if base == 2 else [f'p{k}' for k in range(count)],
            skeleton=[] if base == 2 else [[i + base, j + base] for i, j in links],
        )
    )
    folder = f'thing_{category_id}'
    (image_dir / folder).mkdir(parents=True, exist_ok=True)
    for number in range(num_images):
        name = f'{folder}/{number:04d}.jpg'
        width, height = (int(v) for v in rng.integers(64, 97, 2))
        points = _pose(rng, shape, width, height)
        visible = np.where(rng.random(count) < 0.1, 0, 2 if number % 4 else 1)
        visible[number % count] = 2
        if not (image_dir / name).exists():
            _draw(image_dir / name, points, links, colors, width, height)
        image_id = (category_id + 100) * 10**14 + number
        low, high = points.min(axis=0) - 4, points.max(axis=0) + 4
        content['images'].append(dict(id=image_id, file_name=name, width=width, height=height))
        content['annotations'].append(
            dict(
                id=category_id * 1000 + number,
                image_id=image_id,
                category_id=category_id,
                bbox=[*low.round(2).tolist(), *(high - low).round(2).tolist()],
                area=float(np.prod(high - low)),
                iscrowd=0,
                num_keypoints=int((visible > 0).sum()),
                keypoints=[
                    value
                    for (x, y), v in zip(points.round(2).tolist(), visible.tolist(), strict=True)
                    for value in ((x, y, v) if v else (0, 0, 0))
                ],
            )
        )


def _pose(rng: np.random.Generator, shape: np.ndarray, width: int, height: int) -> np.ndarray:
    """The category's shape, turned, scaled and moved into the image; (K, 2) pixels."""
    angle, size = rng.uniform(-0.6, 0.6), rng.uniform(0.28, 0.42) * min(width, height)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return shape @ turn.T * size + (width / 2, height / 2) + rng.uniform(-4, 4, 2)


def _draw(path: Path, points, links, colors, width: int, height: int) -> None:
    image = np.full((height, width, 3), 40, np.uint8)
    pixels = points.round().astype(int).tolist()
    for i, j in links:
        cv2.line(image, pixels[i], pixels[j], (120, 120, 120), 2)
    for point, color in zip(pixels, colors, strict=True):
        cv2.circle(image, point, 4, color, -1)
    cv2.imwrite(str(path), image)
