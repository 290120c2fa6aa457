"""One step of incremental keypoint learning: its images, and labels of its new keypoints only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset, force_full_init
from mmengine.logging import print_log
from mmpose.datasets.transforms import RandomFlip
from mmpose.registry import DATASETS

from kpt_plugins.datasets.checked_coco_style import CheckedCocoStyleDataset
from kpt_plugins.datasets.image_split import split_images
from kpt_plugins.datasets.missing_files import require_paths, step_data_help
from kpt_plugins.structures.keypoint_selection import (
    check_flip,
    find_keypoints,
    keypoint_names,
    select_labels,
    select_metainfo,
)
from kpt_plugins.structures.keypoint_steps import KeypointSteps

SPLITS = ('step', 'seen')

METAINFO_KEYS = (
    'dataset_name',
    'upper_body_ids',
    'lower_body_ids',
    'flip_pairs',
    'dataset_keypoint_weights',
    'flip_indices',
    'skeleton_links',
)
"""What MMPose's top-down datasets put from their metainfo into each record."""


@DATASETS.register_module()
class KeypointStepDataset(BaseDataset):
    """A top-down dataset as a detector sees it in one step of incremental keypoint learning.

    Steps, and the protocol, are those of IKL (Liang et al., CVPR 2025): the images of a step are
    labelled with its new keypoints only, no image serves two steps, and a test uses all images
    with every keypoint seen so far. The keypoints of records and metainfo are the seen ones in
    learning order.

    In training the images are put in an order that depends on the seed and their ids alone, and
    cut into one part for each step. Old keypoints are hidden: visibility 0, coordinates 0, in
    `raw_ann_info` as well. Then instances without any label are left out, and then the first
    `shots` images kept. In a test nothing is hidden or left out.

    The metainfo is that of the wrapped dataset for the seen keypoints (see
    :func:`~kpt_plugins.structures.keypoint_selection.select_metainfo`) with `keypoint_steps`
    (lists of names) and `step`; its `dataset_name` ends with the step, so that metrics never
    mistake the annotation file of all keypoints for this dataset's, nor one step for another.

    Args:
        dataset: Config of a top-down dataset of MMPose's, without a pipeline. `test_mode` is
            taken over unless set.
        steps: Names of the keypoints of each step.
        step: The step, from 0.
        split: Training images: those of this 'step', or of all steps 'seen' up to it.
        hide_old: Hide the labels of old keypoints in training. False, with `split='seen'`, is
            joint training, the upper bound.
        shots: Train on this many images of the step only.
        shares: Relative number of the images of each step; None for equal parts.
        seed: Of the order of the images.
        pipeline, serialize_data, test_mode, lazy_init, max_refetch: As in MMEngine's
            `BaseDataset`.

    Raises:
        FileNotFoundError: If the annotation file or the image directory is missing.
        ValueError: If an argument is wrong, a keypoint is not in the dataset, the pipeline flips
            although a keypoint's left/right partner is not among the seen ones, or no labelled
            image is left.
    """

    def __init__(
        self,
        dataset: dict,
        steps: Sequence[Sequence[str]],
        step: int,
        split: str = 'step',
        hide_old: bool = True,
        shots: int | None = None,
        shares: Sequence[float] | None = None,
        seed: int = 0,
        pipeline: Sequence[dict | Callable] = (),
        serialize_data: bool = True,
        test_mode: bool = False,
        lazy_init: bool = False,
        max_refetch: int = 1000,
    ) -> None:
        self.keypoint_steps = KeypointSteps(steps)
        self.keypoint_steps.check_step(step)
        if split not in SPLITS:
            raise ValueError(f'split={split!r}: expected one of {SPLITS}')
        _check_shots(shots, split, test_mode)
        self.step, self.split, self.hide_old, self.shots = step, split, hide_old, shots
        self.shares = _check_shares(shares, len(self.keypoint_steps))
        self.seed = seed
        self._source = _build_source(dataset, test_mode)
        super().__init__(
            ann_file='',
            serialize_data=serialize_data,
            pipeline=list(pipeline),
            test_mode=test_mode,
            lazy_init=True,
            max_refetch=max_refetch,
        )
        self.ann_file = getattr(self._source, 'ann_file', '') or type(self._source).__name__
        self._describe(self._source.metainfo)
        for transform in _transforms(self.pipeline):
            if isinstance(transform, RandomFlip) and np.sum(transform.prob) > 0:
                check_flip(self._metainfo, f'{self.ann_file}, step {step}: RandomFlip')
        if not lazy_init:
            self.full_init()

    def load_data_list(self) -> list[dict]:
        """Cut the wrapped dataset's records to this step; called once by MMEngine."""
        source = self._source
        _load(source)
        info = source.metainfo  # loading has added to it
        self._describe(info)
        names = self.keypoint_steps.names(self.step)
        indices = find_keypoints(names, keypoint_names(info), self.ann_file)
        records = []
        for index in range(len(source)):
            record = source.get_data_info(index)
            for key in (*METAINFO_KEYS, 'sample_idx'):
                record.pop(key, None)
            records.append({**record, **select_labels(record, indices)})
        if not self.test_mode:
            records = self._select_training(records)
        self._source = None  # a copy of all that is kept is in the records
        return records

    def get_data_info(self, idx: int) -> dict:
        """The record with the given index, complete and without the pipeline.

        Fields are those of MMPose's top-down datasets, for the seen keypoints: `keypoints` (1, K,
        2) in pixels of the original image, `keypoints_visible` (1, K), and so on.
        """
        record = super().get_data_info(idx)
        for key in METAINFO_KEYS:
            if key in self._metainfo:
                record[key] = deepcopy(self._metainfo[key])
        return record

    @force_full_init
    def prepare_data(self, idx: int) -> Any:
        """The record after the pipeline; `dataset` is there for transforms that mix images."""
        return self.pipeline({**self.get_data_info(idx), 'dataset': self})

    def _describe(self, info: dict) -> None:
        """Set the metainfo from that of the wrapped dataset."""
        if 'keypoint_id2name' not in info:
            raise ValueError(
                f'{self.ann_file}: the metainfo of the dataset names no keypoints '
                f'(keypoint_id2name); its fields are {", ".join(info) or "none"}'
            )
        self.keypoint_steps.check_against(keypoint_names(info), self.ann_file)
        self._metainfo = select_metainfo(info, self.keypoint_steps.names(self.step))
        self._metainfo.update(
            dataset_name=f'{info.get("dataset_name", "keypoints")}_step{self.step}',
            keypoint_steps=[list(names) for names in self.keypoint_steps.steps],
            step=self.step,
        )

    def _select_training(self, records: list[dict]) -> list[dict]:
        """The labelled records of this step's images, with hidden labels where they must be."""
        parts = split_images([r['img_id'] for r in records], self.shares, self.seed)
        first = self.step if self.split == 'step' else 0
        order = [img_id for part in parts[first : self.step + 1] for img_id in part]
        if not order:
            raise ValueError(
                f'{self.ann_file}, step {self.step}: none of the {sum(map(len, parts))} images is '
                f'of this step, with shares={self.shares}'
            )
        num_old = self.keypoint_steps.num_old(self.step) if self.hide_old else 0
        chosen = set(order)
        records = [_hide(r, num_old) for r in records if r['img_id'] in chosen]
        records = [record for record in records if _visible(record).any()]
        if self.shots is not None:
            labelled = {record['img_id'] for record in records}
            chosen = set([img_id for img_id in order if img_id in labelled][: self.shots])
            records = [record for record in records if record['img_id'] in chosen]
        self._check_labels(records, num_old, len(order))
        return records

    def _check_labels(self, records: list[dict], num_old: int, num_images: int) -> None:
        """Refuse a step without labels, report keypoints without any."""
        where = f'{self.ann_file}, step {self.step}'
        names = self.keypoint_steps.names(self.step)[num_old:]
        found = len({record['img_id'] for record in records})
        if found < (self.shots or 1):
            raise ValueError(
                f'{where}: expected {self.shots or "some"} images with a label of '
                f'{", ".join(names)}, there are {found} among {num_images}'
            )
        seen = np.concatenate([_visible(record) for record in records])[:, num_old:].any(axis=0)
        unseen = [name for name, is_seen in zip(names, seen, strict=True) if not is_seen]
        if unseen:
            print_log(
                f'{where}: no image has a label of {", ".join(unseen)}, which cannot be learnt',
                logger='current',
                level=logging.WARNING,
            )


def _visible(record: dict) -> np.ndarray:
    """Which keypoints are labelled, bool (N, K)."""
    visible = record['keypoints_visible'] > 0
    return visible[..., 0] if visible.ndim == 3 else visible


def _hide(record: dict, num_old: int) -> dict:
    """A record without labels of its first `num_old` keypoints."""
    if not num_old:
        return record
    hidden = {}
    for key in ('keypoints', 'keypoints_visible', 'keypoints_3d'):
        if key in record:
            hidden[key] = record[key].copy()
            hidden[key][:, :num_old] = 0
    if 'num_keypoints' in record:
        hidden['num_keypoints'] = int(np.count_nonzero(_visible(hidden)))
    raw = record.get('raw_ann_info')
    if raw and 'keypoints' in raw:
        keypoints = [0] * (3 * num_old) + list(raw['keypoints'][3 * num_old :])
        labels = sum(v > 0 for v in keypoints[2::3])
        hidden['raw_ann_info'] = {**raw, 'keypoints': keypoints, 'num_keypoints': labels}
    return {**record, **hidden}


def _build_source(config: dict, test_mode: bool) -> BaseDataset:
    """Build the wrapped dataset, its annotations not loaded yet."""
    if not isinstance(config, dict):
        raise ValueError(f'dataset={config!r:.80}: expected the config of a dataset')
    if config.get('pipeline'):
        raise ValueError(
            'dataset.pipeline: give the pipeline to KeypointStepDataset, the dataset in it has none'
        )
    if config.get('data_mode', 'topdown') != 'topdown':
        raise ValueError(f'dataset.data_mode={config["data_mode"]!r}: expected topdown')
    if config.get('bbox_file'):
        raise ValueError(
            f'dataset.bbox_file={config["bbox_file"]!r}: detected boxes come without keypoints to '
            f'compare with; expected the boxes of the annotation file (no bbox_file)'
        )
    fixed = dict(pipeline=[], lazy_init=True, serialize_data=False)
    return DATASETS.build({'test_mode': test_mode, **config, **fixed})


def _load(source: BaseDataset) -> None:
    """Load the wrapped dataset, or say what is missing of it."""
    try:
        if not isinstance(source, CheckedCocoStyleDataset):  # these check more than this
            for file in filter(None, (source.ann_file, getattr(source, 'headbox_file', None))):
                image_dir = source.data_prefix.get('img') or '.'
                require_paths(file, image_dir, source.data_root or '', type(source).__name__)
        source.full_init()
    except FileNotFoundError as error:
        raise FileNotFoundError(f'{error}{step_data_help(type(source).__name__)}') from error


def _transforms(transform: Any) -> Iterator[Any]:
    """A transform and all those inside it."""
    yield transform
    inner = getattr(transform, 'transforms', ())
    for part in inner if isinstance(inner, (list, tuple)) else [inner]:
        yield from _transforms(part)


def _check_shots(shots: int | None, split: str, test_mode: bool) -> None:
    if shots is None:
        return
    if isinstance(shots, bool) or not isinstance(shots, int) or shots < 1:
        raise ValueError(f'shots={shots!r}: expected a number of images, at least 1')
    if test_mode or split != 'step':
        raise ValueError(f"shots={shots}: only for the training images of one step (split='step')")


def _check_shares(shares: Sequence[float] | None, num_steps: int) -> list[float]:
    if shares is None:
        return [1.0] * num_steps
    numbers = isinstance(shares, Sequence) and all(isinstance(s, (int, float)) for s in shares)
    if not numbers or len(shares) != num_steps or not all(0 < s < np.inf for s in shares):
        raise ValueError(f'shares={shares!r}: expected {num_steps} positive numbers, one a step')
    return [float(share) for share in shares]
