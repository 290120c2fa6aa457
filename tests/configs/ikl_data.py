"""Small drawn data sets in the layout of every data set that the KAMP configs name."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from scipy.io import savemat

from kpt_plugins.datasets.cephalometric_dataset import LANDMARKS
from kpt_plugins.datasets.livestock_dataset import NAMES
from kpt_plugins.synthesis import build_category
from tests.helpers import coco_file, write_json

NUM_IMAGES = 10
WIDTH, HEIGHT = 200, 150
ATRW_NAMES = 15


def write_data(root: Path) -> None:
    """Write all of them below a root."""
    _write_coco(root / 'livestock', ('cattle_train', 'cattle_test'), dict(keypoints=list(NAMES)))
    _write_coco(root / 'synth_quadruped', ('synth_train',), build_category(3, 0).record())
    landmarks = dict(keypoints=list(LANDMARKS))
    names = ('cephalometric_train', 'cephalometric_test')
    _write_coco(root / 'cephalometric', names, landmarks, spacing=0.1)
    for part in ('train', 'val'):
        keypoints = dict(keypoints=[f'p{k}' for k in range(ATRW_NAMES)])
        _write_coco(root / 'atrw', (f'keypoint_{part}',), keypoints, folder=f'images/{part}')
    _write_mpii(root / 'mpii')


def _points(number: int) -> np.ndarray:
    """Keypoints (K, 2) inside the image."""
    return np.random.default_rng(0).uniform(20, 120, (number, 2)).round(1)


def _draw(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((HEIGHT, WIDTH, 3), 90, np.uint8))


def _write_coco(
    root: Path, names: tuple[str, ...], category: dict, folder: str = 'images', **image: float
) -> None:
    content = coco_file(len(category['keypoints']), num_images=NUM_IMAGES)
    points = _points(len(category['keypoints']))
    keypoints = np.column_stack([points, np.full(len(points), 2)]).ravel().tolist()
    content['categories'][0].update(dict(category, id=1))
    for record in content['images']:
        record.update(width=WIDTH, height=HEIGHT, **image)
        _draw(root / folder / record['file_name'])
    for record in content['annotations']:
        record.update(bbox=[10, 10, 120, 120], keypoints=keypoints)
    for name in names:
        write_json(root / 'annotations' / f'{name}.json', content)


def _write_mpii(root: Path) -> None:
    people = [
        dict(
            image=f'{i:09d}.jpg',
            center=[75.0, 75.0],
            scale=0.6,
            joints=_points(16).tolist(),
            joints_vis=[1] * 16,
        )
        for i in range(NUM_IMAGES)
    ]
    for person in people:
        _draw(root / 'images' / person['image'])
    for part in ('train', 'val'):
        write_json(root / 'annotations' / f'mpii_{part}.json', people)
    boxes = np.zeros((2, 2, NUM_IMAGES))
    boxes[1] = 20  # two corners, their x and y, people
    savemat(root / 'annotations' / 'mpii_gt_val.mat', dict(headboxes_src=boxes))
