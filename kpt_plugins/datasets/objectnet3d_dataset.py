"""Rigid objects of ObjectNet3D, one category or several at once."""

from __future__ import annotations

import os.path as osp
from collections.abc import Sequence
from typing import Any

from mmpose.registry import DATASETS

from kpt_plugins.datasets.annotation_file import load_annotation_file
from kpt_plugins.datasets.missing_files import require_paths
from kpt_plugins.datasets.pascal3d_keypoints import rigid_metainfo
from kpt_plugins.datasets.rigid_object_dataset import RigidObjectDataset

CATEGORIES = tuple(
    """
    aeroplane ashtray backpack basket bed bench bicycle blackboard boat bookshelf bottle bucket bus
    cabinet calculator camera can cap car cellphone chair clock coffee_maker comb computer cup
    desk_lamp diningtable dishwasher door eraser eyeglasses fan faucet filing_cabinet
    fire_extinguisher fish_tank flashlight fork guitar hair_dryer hammer headphone helmet iron jar
    kettle key keyboard knife laptop lighter mailbox microphone microwave motorbike mouse paintbrush
    pan pen pencil piano pillow plate pot printer racket refrigerator remote_control rifle road_pole
    satellite_dish scissors screwdriver shoe shovel sign skate skateboard slipper sofa speaker spoon
    stapler stove suitcase teapot telephone toaster toilet toothbrush train trash_bin trophy tub
    tvmonitor vending_machine washing_machine watch wheelchair
    """.split()
)
"""The 100 categories; a category's number in annotation files is its place here, from 1."""


@DATASETS.register_module()
class ObjectNet3DDataset(RigidObjectDataset):
    """Some of the 100 categories of ObjectNet3D.

    Xiang et al., "ObjectNet3D: A Large Scale Database for 3D Object Recognition", ECCV 2016. The
    file is written by ``tools/dataset_converters/objectnet3d_to_coco.py``, with the keypoint names
    of every category in its category record.

    One category is described by its own names, and those with left and right in them are exchanged
    by a flip. Several categories have different keypoints, laid out in one of two ways:

    - ``separate=False``: keypoint k of every category is number k, the numbers that a category
      has not are never labelled, and names are 'keypoint_0' and so on. For a head that tells the
      categories apart by ``category_id``, such as `CoKeHead` with its ``category_ids``.
    - ``separate=True``: every category has its own numbers, one after the other, named
      'bed/mattress1' and so on; an object has labels of its own ones only. For any heatmap head.

    Several categories are never flipped: most of their keypoints are corners that are numbered
    around the object, which a mirrored object has in another order.

    A record has ``category`` (the name), ``category_id``, ``azimuth``, ``azimuth_bin`` and
    ``occlusion_level`` as in :class:`Pascal3DDataset`.

    Args:
        categories: Names of the categories.
        num_keypoints: Total number of keypoints that the model has: at least the largest number of
            one category, for ``separate=True`` the sum of them. None takes it from the file.
        separate: See above; of no effect on one category.
        ann_file, data_root, data_prefix: As in MMPose's `BaseCocoStyleDataset`.
        kwargs: As in :class:`CheckedCocoStyleDataset`, without ``metainfo``.

    Raises:
        FileNotFoundError: If the annotation file, the image directory or an image is missing.
        ValueError: If a category is unknown or not in the file, or the number of keypoints does
            not fit.
    """

    HELP = (
        'ObjectNet3D is offered by its authors (cvgl.stanford.edu/projects/objectnet3d); '
        'tools/dataset_converters/objectnet3d_to_coco.py makes the annotation files from it.'
    )

    def __init__(
        self,
        categories: Sequence[str],
        num_keypoints: int | None = None,
        separate: bool = False,
        ann_file: str = '',
        data_root: str | None = None,
        data_prefix: dict | None = None,
        **kwargs: Any,
    ) -> None:
        self.categories = _check_categories(categories)
        if 'metainfo' in kwargs:
            raise ValueError('metainfo: ObjectNet3DDataset takes it from the annotation file')
        self.separate = separate
        data_prefix = dict(img='') if data_prefix is None else dict(data_prefix)
        root = data_root or ''
        path = osp.join(root, ann_file)
        try:
            require_paths(
                path, osp.join(root, data_prefix.get('img', '')), root, type(self).__name__
            )
        except FileNotFoundError as error:
            raise FileNotFoundError(f'{error} {self.HELP}') from error
        names = self._read_names(path)
        self._sizes = {CATEGORIES.index(name) + 1: len(points) for name, points in names.items()}
        self._offsets, all_names = self._lay_out(names, num_keypoints, path)
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            data_prefix=data_prefix,
            metainfo=rigid_metainfo(
                f'objectnet3d_{categories[0]}' if len(names) == 1 else 'objectnet3d',
                all_names,
                flips=len(names) == 1,
            ),
            **kwargs,
        )

    def parse_data_info(self, raw_data_info: dict) -> dict | None:
        """One annotation object and its image object as a record; None to leave it out."""
        annotation = raw_data_info['raw_ann_info']
        number = annotation['category_id']
        if number not in self._offsets:
            return None
        values, expected = list(annotation['keypoints']), 3 * self._sizes[number]
        if len(values) != expected:
            raise ValueError(
                f'{self.ann_file}: annotation {annotation["id"]}: keypoints: {len(values)} values, '
                f'expected {expected} of category {CATEGORIES[number - 1]!r}'
            )
        before = 3 * self._offsets[number]
        after = 3 * self._metainfo['num_keypoints'] - before - expected
        values = [0] * before + values + [0] * after
        record = super().parse_data_info(
            {**raw_data_info, 'raw_ann_info': {**annotation, 'keypoints': values}}
        )
        if record is not None:
            record.update(
                category=CATEGORIES[number - 1],
                category_id=number,  # not an array: heads look it up
                occlusion_level=0,
            )
        return record

    def _read_names(self, path: str) -> dict[str, list[str]]:
        """Keypoint names of the chosen categories, in their order."""
        records = {
            record['name']: record for record in load_annotation_file(path).categories.values()
        }
        found = {}
        for name in self.categories:
            record = records.get(name)
            if record is None or not record.get('keypoints'):
                raise ValueError(
                    f'{path}: no keypoints of category {name!r} in it; there are '
                    f'{", ".join(n for n, r in records.items() if r.get("keypoints")) or "none"}'
                )
            if record['id'] != CATEGORIES.index(name) + 1:
                raise ValueError(
                    f'{path}: category {name!r} has the id {record["id"]}, expected '
                    f'{CATEGORIES.index(name) + 1}, as objectnet3d_to_coco.py writes it'
                )
            found[name] = record['keypoints']
        return found

    def _lay_out(
        self, names: dict[str, list[str]], num_keypoints: int | None, path: str
    ) -> tuple[dict[int, int], list[str]]:
        """First keypoint number of each category, by the category's number, and all names."""
        sizes = [len(keypoints) for keypoints in names.values()]
        needed = sum(sizes) if self.separate else max(sizes)
        total = needed if num_keypoints is None else num_keypoints
        exact = self.separate or len(sizes) == 1
        if total < needed or (exact and total != needed):
            raise ValueError(
                f'{path}: num_keypoints={num_keypoints}: expected {"" if exact else "at least "}'
                f'{needed} for {", ".join(f"{n} {len(k)}" for n, k in names.items())}'
            )
        starts = [sum(sizes[:i]) if self.separate else 0 for i in range(len(sizes))]
        offsets = {CATEGORIES.index(n) + 1: start for n, start in zip(names, starts, strict=True)}
        if len(sizes) == 1:
            return offsets, list(*names.values())
        if self.separate:
            return offsets, [f'{name}/{point}' for name, k in names.items() for point in k]
        return offsets, [f'keypoint_{k}' for k in range(total)]


def _check_categories(categories: Sequence[str]) -> tuple[str, ...]:
    names = () if isinstance(categories, str) else tuple(categories)
    unknown = [name for name in names if name not in CATEGORIES]
    if not names or unknown or len(set(names)) < len(names):
        raise ValueError(
            f'categories={categories!r:.200}: expected different names of ObjectNet3D'
            f'{f", not {unknown}" if unknown else ""}: {", ".join(CATEGORIES)}'
        )
    return names
