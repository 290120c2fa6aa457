"""Objects of PASCAL3D+ under pasted occluders."""

from __future__ import annotations

import os.path as osp
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmpose.registry import DATASETS

from kpt_plugins.datasets.pascal3d_dataset import Pascal3DDataset

LEVELS = (1, 2, 3)


@DATASETS.register_module()
class OccludedPascal3DDataset(Pascal3DDataset):
    """One category of OccludedPASCAL3D+: test images of PASCAL3D+ under cut-outs of COCO objects.

    Wang, Sun, Kortylewski, Yuille, "Robust Object Detection under Occlusion with Context-Aware
    CompositionalNets", CVPR 2020. Levels 1, 2 and 3 cover 20-40 %, 40-60 % and 60-80 % of the
    object's pixels. The file is written by ``tools/dataset_converters/
    occluded_pascal3d_to_coco.py`` and holds all levels.

    A record is one of :class:`Pascal3DDataset` with the image's ``occlusion_level``, with
    ``keypoints_occluded``, bool (1, K): which keypoints are under an occluder, and with
    ``object_occluded`` and ``background_occluded``: which share of the pixels of the object, and
    of all others, is. Covered keypoints stay labelled: the metrics count them apart. Where
    ``data_prefix`` has an ``occluder_mask``, the directory of the set's .npz files, the record
    has the path of its own.

    Args:
        levels: Which of 1, 2 and 3 to take.
        ann_file: As in :class:`Pascal3DDataset`.
        args, kwargs: As in :class:`Pascal3DDataset`.

    Raises:
        FileNotFoundError: If the annotation file, the image directory or an image is missing.
        ValueError: If a level is wrong, an annotation has none, or there is no image of the levels.
    """

    HELP = (
        'OccludedPASCAL3D+ is offered by its authors (github.com/Angtian/OccludedPASCAL3D); '
        'tools/dataset_converters/occluded_pascal3d_to_coco.py makes the annotation files from it. '
        'Without it, tools/occlusion_benchmark.py pastes occluders on any test images.'
    )

    def __init__(
        self,
        *args: Any,
        levels: Sequence[int] = LEVELS,
        ann_file: str = 'annotations/{category}_val.json',
        **kwargs: Any,
    ) -> None:
        self.levels = tuple(levels)
        if not self.levels or not set(self.levels) <= set(LEVELS):
            raise ValueError(f'levels={levels!r}: expected some of {LEVELS}')
        super().__init__(*args, ann_file=ann_file, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Read the annotation file into records; called once by MMEngine."""
        records = super().load_data_list()
        kept = [record for record in records if record['occlusion_level'] in self.levels]
        if not kept:
            raise ValueError(f'{self.ann_file}: none of {len(records)} objects is of {self.levels}')
        return kept

    def parse_data_info(self, raw_data_info: dict) -> dict | None:
        """One annotation object and its image object as a record; None to leave it out."""
        record = super().parse_data_info(raw_data_info)
        if record is None:
            return None
        annotation, image = raw_data_info['raw_ann_info'], raw_data_info['raw_img_info']
        where = f'{self.ann_file}: annotation {annotation["id"]}'
        level, covered = annotation.get('occlusion_level'), annotation.get('keypoints_occluded')
        if level not in LEVELS:
            raise ValueError(f'{where}: occlusion_level: {level!r}, expected one of {LEVELS}')
        shape = record['keypoints_visible'].shape
        if not isinstance(covered, list) or len(covered) != shape[1]:
            raise ValueError(
                f'{where}: keypoints_occluded: {covered!r:.80}, expected {shape[1]} of 0 and 1'
            )
        record.update(
            occlusion_level=level,
            keypoints_occluded=np.asarray(covered, bool).reshape(shape),
            object_occluded=annotation.get('object_occluded'),
            background_occluded=annotation.get('background_occluded'),
        )
        if 'occluder_mask' in self.data_prefix and 'occluder_mask' in image:
            folder = self.data_prefix['occluder_mask']
            record['occluder_mask'] = osp.join(folder, image['occluder_mask'])
        return record
