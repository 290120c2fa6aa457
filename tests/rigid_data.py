"""Small drawn releases of PASCAL3D+, OccludedPASCAL3D+ and ObjectNet3D, in the true formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from scipy.io import savemat

from kpt_plugins.datasets.pascal3d_keypoints import KEYPOINTS

WIDTH, HEIGHT = 120, 90
EMPTY = np.zeros((0, 0))
"""What MATLAB writes for a missing number."""
LEVELS = ('FGL1_BGL1', 'FGL2_BGL2', 'FGL3_BGL3')


def anchor(location: Sequence[float] | None = None, status: int = 1) -> dict:
    """An anchor at a position counted from 1; without one it is not seen."""
    if location is None:
        return dict(location=EMPTY, status=2 if status == 1 else status)
    return dict(location=np.float64([location]), status=status)


def anchors(names: Sequence[str], hidden: Sequence[str] = ()) -> dict:
    """Anchors on a grid inside the box of :func:`rigid_object`, k at (20 + 4 k, 30 + 2 k)."""
    return {
        name: anchor(None if name in hidden else (20 + 4 * k, 30 + 2 * k))
        for k, name in enumerate(names)
    }


def rigid_object(category: str, points: dict | None, azimuth: float = 100.0, **fields) -> dict:
    """An object of a record; its box is 11 to 101 by 21 to 81, counted from 1."""
    viewpoint = dict(
        azimuth_coarse=float(azimuth // 10 * 10),
        elevation_coarse=0.0,
        azimuth=float(azimuth),
        elevation=3.5,
        distance=5.2,
        focal=1.0,
        px=60.0,
        py=45.0,
        theta=0.0,
        viewport=3000.0,
    )
    values = dict(
        bbox=np.float64([[11, 21, 101, 81]]),
        anchors=EMPTY if points is None else points,
        viewpoint=viewpoint,
        cad_index=1,
        truncated=0,
        occluded=0,
        difficult=0,
    )
    values['class'] = category
    return values | fields


def write_record(path: Path, objects: Sequence[dict]) -> Path:
    """Write ``record.objects``, a struct array as in the releases."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = list(objects[0])
    array = np.empty((1, len(objects)), [(field, object) for field in fields])
    for i, item in enumerate(objects):
        array[0, i] = tuple(item[field] for field in fields)
    record = dict(
        filename=f'{path.stem}.JPEG',
        imgsize=np.float64([[WIDTH, HEIGHT, 3]]),
        database='ImageNet',
        objects=array,
    )
    savemat(path, dict(record=record), long_field_names=True)
    return path


def write_image(path: Path, value: int = 90) -> Path:
    """A plain image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((HEIGHT, WIDTH, 3), value, np.uint8))
    return path


def write_list(path: Path, names: Sequence[str]) -> Path:
    """A list of image names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(f'{name}\n' for name in names))
    return path


def image_names(category: str, subset: str, count: int) -> list[str]:
    """Names of the images of :func:`write_pascal3d`."""
    return [f'{category}_{subset}_{i}' for i in range(count)]


def write_pascal3d(root: Path, categories: Sequence[str] = ('car',), count: int = 8) -> Path:
    """A release of PASCAL3D+; image i of a subset has azimuth 45 i + 10."""
    for category in categories:
        for subset in ('train', 'val'):
            names = image_names(category, subset, count)
            write_list(root / 'Image_sets' / f'{category}_imagenet_{subset}.txt', names)
            for i, name in enumerate(names):
                item = rigid_object(category, anchors(KEYPOINTS[category]), 45 * i + 10)
                write_record(root / 'Annotations' / f'{category}_imagenet' / f'{name}.mat', [item])
                write_image(root / 'Images' / f'{category}_imagenet' / f'{name}.JPEG')
    return root


def write_occluded(
    root: Path, categories: Sequence[str] = ('car',), count: int = 8, columns: int = 20
) -> Path:
    """A release of OccludedPASCAL3D+: the left ``columns`` px, times the level, are occluded."""
    obj = np.zeros((HEIGHT, WIDTH), np.uint8)
    obj[20:80, 10:100] = 250
    obj[5, 5] = 6  # as JPEG leaves it
    for category in categories:
        names = image_names(category, 'val', count)
        for level, setting in enumerate(LEVELS, 1):
            folder = f'{category}{setting}'
            write_list(root / 'lists' / f'{folder}.txt', [f'{name}.JPEG' for name in names])
            occluder = np.zeros((HEIGHT, WIDTH), bool)
            occluder[:, : columns * level] = True
            for name in names:
                write_image(root / 'images' / folder / f'{name}.JPEG')
                (root / 'annotations' / folder).mkdir(parents=True, exist_ok=True)
                np.savez(
                    root / 'annotations' / folder / f'{name}.npz',
                    source=f'../Images/{category}_imagenet/{name}.JPEG',
                    occluder_mask=occluder,
                    mask=obj,
                    box=np.int64([20, 80, 10, 100, HEIGHT, WIDTH]),
                    occluder_box=np.int64([[0, HEIGHT, 0, columns * level, HEIGHT, WIDTH]]),
                    category=category,
                    occluder_level='F',
                )
    return root


def write_objectnet3d(
    root: Path, keypoints: dict[str, Sequence[str]], subsets: Sequence[str] = ('train', 'val')
) -> Path:
    """A release of ObjectNet3D: in each image of a subset an object of every category."""
    for subset in subsets:
        names = [f'{subset}_{i}' for i in range(3)]
        write_list(root / 'Image_sets' / f'{subset}.txt', names)
        for name in names:
            items = [rigid_object(c, anchors(points)) for c, points in keypoints.items()]
            write_record(root / 'Annotations' / f'{name}.mat', items)
            write_image(root / 'Images' / f'{name}.JPEG')
    return root
