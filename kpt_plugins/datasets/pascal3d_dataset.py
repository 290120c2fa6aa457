"""Rigid objects of PASCAL3D+, one category with its keypoints at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmpose.registry import DATASETS

from kpt_plugins.datasets.azimuth_bins import chosen_bins
from kpt_plugins.datasets.pascal3d_keypoints import KEYPOINTS, check_category, rigid_metainfo
from kpt_plugins.datasets.rigid_object_dataset import RigidObjectDataset


@DATASETS.register_module()
class Pascal3DDataset(RigidObjectDataset):
    """One of the 12 categories of PASCAL3D+ v1.1, the part whose images are ImageNet's.

    Xiang, Mottaghi, Savarese, "Beyond PASCAL: A Benchmark for 3D Object Detection in the Wild",
    WACV 2014. The files are written by ``tools/dataset_converters/pascal3d_to_coco.py``: one
    object an image, keypoints that are seen, and the object's azimuth.

    Besides what MMPose needs, a record has ``category`` (the name), ``azimuth`` in degrees or
    None, ``azimuth_bin`` (0 to 7, bins of 45 degrees; -1 if unknown), and, for the metrics that
    compare with occluded images, ``occlusion_level`` 0 and ``keypoints_occluded``, bool (1, K),
    all False. Keypoints with left and right in their names are exchanged by a flip. There is no
    skeleton, and the tolerances ``sigmas`` of the OKS metric were never measured.

    Args:
        category: One of the 12 names, such as 'car'.
        azimuth_bins: Keep the objects of some azimuths only, a letter T or F for each bin, for
            training and test on different poses; those of unknown azimuth are left out then.
        ann_file: The annotation file, relative to ``data_root``; ``{category}`` in it stands for
            the category.
        kwargs: As in :class:`CheckedCocoStyleDataset`, without ``metainfo``.

    Raises:
        FileNotFoundError: If the annotation file, the image directory or an image is missing.
        ValueError: If the category is unknown, the file is of another one, or no object is in the
            bins.
    """

    HELP = (
        'PASCAL3D+ v1.1 is offered by its authors (cvgl.stanford.edu/projects/pascal3d.html); '
        'tools/dataset_converters/pascal3d_to_coco.py makes the annotation files from it.'
    )

    def __init__(
        self,
        category: str,
        azimuth_bins: str | None = None,
        ann_file: str = 'annotations/{category}_train.json',
        **kwargs: Any,
    ) -> None:
        check_category(category)
        if 'metainfo' in kwargs:
            raise ValueError('metainfo: that of PASCAL3D+ follows from the category')
        self.category = category
        self.azimuth_bins = azimuth_bins
        self._bins = None if azimuth_bins is None else chosen_bins(azimuth_bins)
        super().__init__(
            ann_file=ann_file.replace('{category}', category),
            metainfo=rigid_metainfo(f'pascal3d_{category}', KEYPOINTS[category]),
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """Read the annotation file into records; called once by MMEngine."""
        records = super().load_data_list()
        self._check_file(self._metainfo.get('CLASSES', []))
        if self._bins is None:
            return records
        kept = [record for record in records if record['azimuth_bin'] in self._bins]
        if not kept:
            raise ValueError(
                f'{self.ann_file}: none of {len(records)} objects is in '
                f'azimuth_bins={self.azimuth_bins!r}'
            )
        return kept

    def parse_data_info(self, raw_data_info: dict) -> dict | None:
        """One annotation object and its image object as a record; None to leave it out."""
        record = super().parse_data_info(raw_data_info)
        if record is not None:
            record.update(
                category=self.category,
                occlusion_level=0,
                keypoints_occluded=np.zeros(record['keypoints_visible'].shape, bool),
            )
        return record

    def _check_file(self, categories: Sequence[dict]) -> None:
        """Several categories have equally many keypoints: their names tell them apart."""
        names = list(KEYPOINTS[self.category])
        for category in categories:
            if list(category.get('keypoints', [])) != names:
                raise ValueError(
                    f'{self.ann_file}: category {category.get("name")!r} with keypoints '
                    f'{category.get("keypoints", "missing")!r:.120}, expected {self.category!r} '
                    f'with {names!r:.120}'
                )
