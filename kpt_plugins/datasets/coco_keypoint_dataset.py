"""Any COCO-like keypoint file as a top-down dataset of MMPose, without a metainfo file."""

from __future__ import annotations

import logging
import os.path as osp
from collections.abc import Sequence
from typing import Any

from mmengine.logging import print_log
from mmpose.registry import DATASETS

from kpt_plugins.datasets.annotation_file import AnnotationFile, load_annotation_file
from kpt_plugins.datasets.category import (
    count_keypoints,
    declared_base,
    file_base,
    resolve_base,
)
from kpt_plugins.datasets.checked_coco_style import CheckedCocoStyleDataset
from kpt_plugins.datasets.missing_files import require_paths
from kpt_plugins.structures.left_right import find_left_right_pairs, find_unpaired
from kpt_plugins.structures.skeleton import normalize_links, parse_links

SIGMA = 0.05
"""Tolerance of every keypoint in OKS, for want of a measured one."""


@DATASETS.register_module()
class CocoKeypointDataset(CheckedCocoStyleDataset):
    """One category of a COCO-like keypoint file, described by its own category record.

    - The keypoint names are the record's `keypoints`; `dataset_name` is the category's name.
    - The links are its `skeleton`, whether it counts from 0 or from 1 (decided as in
      `MP100Dataset`).
    - Keypoints that a flip of the image exchanges are its `flip_pairs`, a list of zero-based
      index pairs, where it has this field; else those whose names differ in left and right only
      (see :func:`~kpt_plugins.structures.left_right.find_left_right_pairs`). A left or right
      keypoint without its counterpart is reported in the log: flipped images mislabel it.
    - All keypoints weigh the same. The tolerances `sigmas` of the OKS metric are all 0.05, for
      want of measured ones: AP compares detectors on this dataset only.

    Args:
        ann_file: The annotation file, relative to `data_root`.
        data_root: Root of the dataset.
        data_prefix: `img` is the image directory, relative to `data_root`.
        category: Name or id of the category; needed where the file has several.
        kwargs: As in :class:`CheckedCocoStyleDataset`, without `metainfo`.

    Raises:
        FileNotFoundError: If the annotation file, the image directory or an image is missing.
        ValueError: If the annotation file is not COCO-like, `category` is missing or unknown, or
            its record names no keypoints or is wrong; the message names the file and the field.
    """

    def __init__(
        self,
        ann_file: str = '',
        data_root: str | None = None,
        data_prefix: dict | None = None,
        category: str | int | None = None,
        **kwargs: Any,
    ) -> None:
        if 'metainfo' in kwargs:
            raise ValueError(
                'metainfo: CocoKeypointDataset takes it from the annotation file; to give your '
                "own, use MMPose's CocoDataset"
            )
        data_prefix = dict(img='') if data_prefix is None else dict(data_prefix)
        root = data_root or ''
        path = osp.join(root, ann_file)
        require_paths(path, osp.join(root, data_prefix.get('img', '')), root)
        file = load_annotation_file(path)
        try:
            record = find_category(file, category)
            metainfo = category_metainfo(file, record)
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from error
        self.category_id = record['id']
        if kwargs.get('bbox_file') and self.category_id != 1:
            raise ValueError(
                f'bbox_file={kwargs["bbox_file"]!r}: MMPose reads detections of category id 1 '
                f'only, the category of {path} has id {self.category_id}'
            )
        names = [keypoint['name'] for keypoint in metainfo['keypoint_info'].values()]
        alone = find_unpaired(names) if record.get('flip_pairs') is None else []
        if alone:
            print_log(
                f'{path}: {", ".join(alone)}: no keypoint of the other side has such a name, so '
                f'flipped images mislabel it; train without RandomFlip, or state the pairs in the '
                f"category's flip_pairs",
                logger='current',
                level=logging.WARNING,
            )
        super().__init__(
            ann_file=ann_file,
            data_root=data_root,
            data_prefix=data_prefix,
            metainfo=metainfo,
            **kwargs,
        )

    def parse_data_info(self, raw_data_info: dict) -> dict | None:
        """One annotation object of the category as a record; None for those of others."""
        if raw_data_info['raw_ann_info']['category_id'] != self.category_id:
            return None
        return super().parse_data_info(raw_data_info)


def find_category(file: AnnotationFile, category: str | int | None) -> dict:
    """A category record of a file, by name or id, or the only one.

    Raises:
        ValueError: If there is no such category, or more than one.
    """
    listed = ', '.join(f'{i} ({record["name"]})' for i, record in file.categories.items())
    if category is None:
        found = list(file.categories.values())
        if len(found) > 1:
            raise ValueError(
                f'{len(found)} categories: set category to the name or id of one of {listed}'
            )
    else:
        field = 'name' if isinstance(category, str) else 'id'
        found = [record for record in file.categories.values() if record[field] == category]
        if len(found) > 1:
            ids = ', '.join(str(record['id']) for record in found)
            raise ValueError(f'category={category!r}: name of several; give one of the ids {ids}')
    if not found:
        raise ValueError(f'category={category!r}: no such category, there are {listed or "none"}')
    return found[0]


def category_metainfo(file: AnnotationFile, record: dict) -> dict:
    """What a category record says, as MMPose's metainfo (not yet parsed).

    Args:
        file: The whole file, whose other categories may tell the base of the skeleton.
        record: One of its categories.

    Raises:
        ValueError: If names are missing, repeated, or not as many as the annotations' keypoints,
            or links or pairs are wrong.
    """
    title = f'category {record["id"]} ({record["name"]})'
    counts = count_keypoints(file.annotations)
    names = _names(record, counts.get(record['id']), title)
    declared = declared_base(file.info)
    evidence = file_base(file.categories, counts) if declared is None else declared
    try:
        base, _ = resolve_base(record.get('skeleton'), len(names), 'auto', evidence)
        links = normalize_links(record.get('skeleton'), len(names), base)
    except ValueError as error:
        raise ValueError(f'{title}: {error}') from error
    if record.get('flip_pairs') is None:
        pairs = find_left_right_pairs(names)
    else:
        pairs = _stated_pairs(record['flip_pairs'], len(names), title)
    swap = {i: names[j] for i, j in pairs} | {j: names[i] for i, j in pairs}
    return dict(
        dataset_name=record['name'],
        keypoint_info={
            i: dict(name=name, id=i, swap=swap.get(i, '')) for i, name in enumerate(names)
        },
        skeleton_info={n: dict(link=(names[i], names[j]), id=n) for n, (i, j) in enumerate(links)},
        joint_weights=[1.0] * len(names),
        sigmas=[SIGMA] * len(names),
    )


def _names(record: dict, count: int | None, title: str) -> list[str]:
    """The keypoint names of a category, checked; `count` is None without annotations."""
    names = record.get('keypoints') or []
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f'{title}: keypoints: {names!r}, expected the names of its keypoints')
    if count is not None and len(names) != count:
        raise ValueError(
            f'{title}: keypoints: {len(names)} names, but its annotations have {count} keypoints'
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f'{title}: keypoints: {", ".join(repeated)} more than once')
    return names


def _stated_pairs(pairs: Sequence, count: int, title: str) -> list[tuple[int, int]]:
    """The index pairs of a category's `flip_pairs`, each keypoint in one of them at most."""
    try:
        parsed = [(int(i), int(j)) for i, j in parse_links(pairs)]
    except ValueError as error:
        raise ValueError(f'{title}: flip_pairs, read like a skeleton: {error}') from error
    used = [i for pair in parsed for i in pair]
    outside = [i for i in used if not 0 <= i < count]
    if outside:
        raise ValueError(f'{title}: flip_pairs: index {outside[0]}, expected 0 to {count - 1}')
    repeated = sorted({i for i in used if used.count(i) > 1})
    if repeated:
        raise ValueError(f'{title}: flip_pairs: keypoint {repeated[0]} more than once')
    return parsed
