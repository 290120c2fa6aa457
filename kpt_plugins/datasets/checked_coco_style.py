"""COCO-style datasets that say which files are missing and which annotation does not fit."""

from __future__ import annotations

import logging
import os.path as osp
from typing import Any

from mmengine.logging import print_log
from mmpose.datasets.datasets.base import BaseCocoStyleDataset

from kpt_plugins.datasets.missing_files import missing_images_error, require_paths


class CheckedCocoStyleDataset(BaseCocoStyleDataset):
    """MMPose's COCO-style dataset, its files checked when they are loaded.

    Args:
        skip_missing_images: Leave out instances whose image file is not there, with a count in
            the log, instead of raising an error.
        kwargs: As in MMPose's `BaseCocoStyleDataset`.

    Raises:
        FileNotFoundError: If the annotation file, the image directory or an image is missing.
        ValueError: If an annotation has another number of keypoints than the metainfo, or there
            is no usable instance.
    """

    def __init__(self, *args: Any, skip_missing_images: bool = False, **kwargs: Any) -> None:
        self.skip_missing_images = skip_missing_images
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read the annotation file into records; called once by MMEngine."""
        image_dir, data_root = self.data_prefix['img'], self.data_root or ''
        require_paths(self.ann_file, image_dir, data_root, type(self).__name__)
        records = super().load_data_list()
        if not records:
            raise ValueError(
                f'{self.ann_file}: no usable instance, one with a box and a labelled keypoint'
            )
        paths = list(dict.fromkeys(record['img_path'] for record in records))
        missing = [path for path in paths if not osp.isfile(path)]
        if not missing:
            return records
        if not self.skip_missing_images or len(missing) == len(paths):
            names = [osp.relpath(path, image_dir) for path in missing]
            raise missing_images_error(names, len(paths), self.ann_file, image_dir, data_root)
        gone = set(missing)
        kept = [record for record in records if record['img_path'] not in gone]
        print_log(
            f'{self.ann_file}: {len(missing)} of {len(paths)} images are missing; left out, with '
            f'{len(records) - len(kept)} of {len(records)} instances',
            logger='current',
            level=logging.WARNING,
        )
        return kept

    def parse_data_info(self, raw_data_info: dict) -> dict | None:
        """One annotation object and its image object as a record; None to leave it out."""
        annotation = raw_data_info['raw_ann_info']
        expected = 3 * self._metainfo['num_keypoints']
        values = annotation.get('keypoints')
        if values is not None and len(values) != expected:
            raise ValueError(
                f'{self.ann_file}: annotation {annotation["id"]}: keypoints: {len(values)} values, '
                f'expected {expected} (x, y, visibility of {expected // 3} keypoints)'
            )
        return super().parse_data_info(raw_data_info)
