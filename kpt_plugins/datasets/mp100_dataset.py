"""MP-100, and any other COCO-like keypoint file with one or many categories."""

from __future__ import annotations

import logging
import os
import os.path as osp
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from mmengine.dataset import BaseDataset, force_full_init
from mmengine.logging import print_log
from mmpose.registry import DATASETS

from kpt_plugins.datasets.annotation_file import AnnotationFile, load_annotation_file
from kpt_plugins.datasets.category import (
    FALLBACKS,
    Category,
    build_category,
    count_keypoints,
    declared_base,
    file_base,
    resolve_base,
)
from kpt_plugins.datasets.instance import clean_box, drop_reason, parse_keypoints
from kpt_plugins.datasets.mp100_splits import get_category_ids

MP100_HELP = (
    'MP-100 is a benchmark of 100 keypoint categories that must not be redistributed; its authors '
    'offer the annotations and say where the images come from in their Pose-for-Everything '
    'repository (github.com/luminxu/Pose-for-Everything), and docs/data.md says how to lay them '
    'out. To train without it, on images that are generated here, use configs/fmmp_synth.py.'
)


@DATASETS.register_module()
class MP100Dataset(BaseDataset):
    """Annotated instances of many keypoint categories, each with its own keypoints and skeleton.

    Reads the official MP-100 files, one merged file with category ids, PoseAnything's updated
    files and any COCO-like keypoint file. A record is one instance:

    - img_path (str), img_id (int), id (int, annotation id), category_id (int),
      category_name (str)
    - bbox (1, 4) float32: x1, y1, x2, y2 of the cleaned box (see `instance.clean_box`) in pixels
      of the original image; bbox_score (1,) float32
    - keypoints (1, K, 2) float32 in pixels of the original image; keypoints_visible (1, K)
      float32, 0 or 1
    - skeleton (E, 2) int64, zero-based; keypoint_names (list of K str); flip_pairs (list of
      (left, right) index pairs)

    K is that of the category, taken from its annotations. Records come in the order of the
    file's images and, within an image, of its annotations. Instances that cannot be used (crowd,
    empty box, no visible keypoint) are left out and counted in the log.

    Args:
        ann_file: The annotation file, relative to `data_root`.
        data_root: Root of the dataset.
        data_prefix: `img` is the image directory, relative to `data_root`.
        category_ids: Categories to use; None means all of the file.
        split, subset: Instead of `category_ids`: the categories of one MP-100 subset, e.g.
            `split=1, subset='train'`, for a merged file.
        skeleton_base: What the first keypoint is called in the file's skeletons: 0, 1, or 'auto',
            which decides for each category: an index 0 proves 0, an index K proves 1; what fits
            both follows the file (`info.skeleton_base`, else the base on which the other
            categories agree), else COCO's convention, 1.
        skeleton_fallback: Links of a category that has none: 'mst' (minimum spanning tree of its
            mean pose), 'knn' (two nearest neighbours in it) or 'none'. The mean pose is that of
            this file, whichever images are there.
        skeletons: Zero-based skeletons by category id that replace the file's.
        skip_missing_images: Leave out instances whose image file is not there, with a count for
            each category in the log, instead of raising an error.
        min_visible: Fewest visible keypoints of an instance.
        metainfo, filter_cfg, indices, serialize_data, pipeline, test_mode, lazy_init,
            max_refetch: As in MMEngine's `BaseDataset`.

    Raises:
        FileNotFoundError: If the annotation file or image files are missing.
        ValueError: If an argument or the annotation file is wrong; the message names the object.
    """

    METAINFO: dict = dict(dataset_name='mp100')

    def __init__(
        self,
        ann_file: str = '',
        data_root: str = '',
        data_prefix: dict | None = None,
        category_ids: Sequence[int] | None = None,
        split: int | None = None,
        subset: str | None = None,
        skeleton_base: int | str = 'auto',
        skeleton_fallback: str = 'mst',
        skeletons: Mapping[int, Sequence] | None = None,
        skip_missing_images: bool = False,
        min_visible: int = 1,
        metainfo: Mapping | None = None,
        filter_cfg: dict | None = None,
        indices: int | Sequence[int] | None = None,
        serialize_data: bool = True,
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        lazy_init: bool = False,
        max_refetch: int = 1000,
    ) -> None:
        if skeleton_base not in ('auto', 0, 1):
            raise ValueError(f"skeleton_base={skeleton_base!r}: expected 'auto', 0 or 1")
        if skeleton_fallback not in FALLBACKS:
            raise ValueError(f'skeleton_fallback={skeleton_fallback!r}: expected one of {FALLBACKS}')
        if (split is None) != (subset is None):
            raise ValueError(f'split={split!r}, subset={subset!r}: give both or neither')
        if split is not None:
            if category_ids is not None:
                raise ValueError('give either category_ids or split and subset, not both')
            category_ids = get_category_ids(split, subset)
        # Keys are strings where the config came from JSON or the command line.
        self.skeletons = {int(k): v for k, v in (skeletons or {}).items()}
        self.category_ids = None if category_ids is None else [int(i) for i in category_ids]
        self.skeleton_base = skeleton_base
        self.skeleton_fallback = skeleton_fallback
        self.skip_missing_images = skip_missing_images
        self.min_visible = min_visible
        self._categories: dict[int, Category] = {}
        self._record_indices: dict[int, np.ndarray] | None = None
        super().__init__(
            ann_file=ann_file,
            metainfo=metainfo,
            data_root=data_root,
            data_prefix=dict(img='images') if data_prefix is None else data_prefix,
            filter_cfg=filter_cfg,
            indices=indices,
            serialize_data=serialize_data,
            pipeline=list(pipeline),
            test_mode=test_mode,
            lazy_init=lazy_init,
            max_refetch=max_refetch,
        )

    @property
    @force_full_init
    def categories(self) -> dict[int, Category]:
        """The categories with at least one record, by id, in the order of the file."""
        return self._categories

    @force_full_init
    def indices_of(self, category_id: int) -> np.ndarray:
        """Record indices of a category, ascending, int64 (N,).

        Raises:
            KeyError: If the dataset has no such category.
        """
        if self._record_indices is None:
            found = defaultdict(list)
            for index in range(len(self)):
                found[super().get_data_info(index)['category_id']].append(index)
            self._record_indices = {k: np.array(v, dtype=np.int64) for k, v in found.items()}
        if category_id not in self._record_indices:
            raise KeyError(
                f'category id {category_id} is not in the dataset; it has '
                f'{sorted(self._record_indices)}'
            )
        return self._record_indices[category_id]

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        """The record with the given index, complete and without the pipeline."""
        record = super().get_data_info(idx)
        # What all of a category share is stored once, not in each serialized record.
        category = self._categories[record['category_id']]
        record['category_name'] = category.name
        record['skeleton'] = category.skeleton.copy()
        record['keypoint_names'] = list(category.keypoint_names)
        record['flip_pairs'] = list(category.flip_pairs)
        return record

    def get_cat_ids(self, idx: int) -> list[int]:
        """Category ids of a record, for MMEngine's `ClassBalancedDataset`."""
        return [super().get_data_info(idx)['category_id']]

    def get_subset_(self, indices: Sequence[int] | int) -> None:
        """Keep the given records only (in place)."""
        super().get_subset_(indices)
        self._record_indices = None

    def _copy_without_annotation(self, memo: dict | None = None) -> MP100Dataset:
        other = super()._copy_without_annotation(memo)
        other._record_indices = None
        return other

    def load_data_list(self) -> list[dict]:
        """Read the annotation file into records; called once by MMEngine."""
        self._check_paths()
        file = load_annotation_file(self.ann_file)
        try:
            chosen = self._choose_categories(file)
            counts = count_keypoints(file.annotations)
            records = self._read_instances(file, chosen)
            self._categories = self._build_categories(file, chosen, counts, records)
        except ValueError as error:
            raise ValueError(f'{self.ann_file}: {error}') from error
        records = self._check_images(records)
        self._report_empty(chosen, records)
        self._metainfo['categories'] = [_plain(c) for c in self._categories.values()]
        return records

    def _check_paths(self) -> None:
        image_dir = self.data_prefix['img']
        for path, what in ((self.ann_file, 'annotation file'), (image_dir, 'image directory')):
            found = osp.isfile(path) if path is self.ann_file else osp.isdir(path)
            if not found:
                raise FileNotFoundError(
                    f'{path}: there is no such {what} ({osp.abspath(path)}).{self._help()}'
                )

    def _help(self) -> str:
        return f' {MP100_HELP}' if 'mp100' in f'{self.ann_file} {self.data_root}'.lower() else ''

    def _choose_categories(self, file: AnnotationFile) -> dict[int, dict]:
        """The chosen category objects by id, in file order, with replaced skeletons."""
        wanted = list(file.categories) if self.category_ids is None else self.category_ids
        for name, ids in (('category_ids', wanted), ('skeletons', self.skeletons)):
            unknown = [i for i in ids if i not in file.categories]
            if unknown and (name == 'category_ids' or self.category_ids is None):
                raise ValueError(
                    f'{name} {unknown}: not among the {len(file.categories)} categories of the '
                    f'file: {sorted(file.categories)}'
                )
        return {i: record for i, record in file.categories.items() if i in set(wanted)}

    def _read_instances(self, file: AnnotationFile, chosen: dict[int, dict]) -> list[dict]:
        by_image = defaultdict(list)
        for annotation in file.annotations:
            if annotation['category_id'] in chosen:
                by_image[annotation['image_id']].append(annotation)
        records, dropped = [], Counter()
        for image_id, image in file.images.items():
            for annotation in by_image[image_id]:
                try:
                    reason = drop_reason(annotation, image, self.min_visible)
                except ValueError as error:
                    raise ValueError(f'annotation {annotation["id"]}: {error}') from error
                if reason is None:
                    records.append(self._make_record(annotation, image))
                else:
                    dropped[reason] += 1
        if dropped:
            reasons = ', '.join(f'{count} {reason}' for reason, count in dropped.most_common())
            total = len(records) + dropped.total()
            _log(f'{self.ann_file}: left out {dropped.total()} of {total} instances: {reasons}')
        if not records:
            raise ValueError(f'no usable instance of the categories {sorted(chosen)}')
        return records

    def _make_record(self, annotation: dict, image: dict) -> dict:
        keypoints = parse_keypoints(annotation['keypoints']).astype(np.float32)
        box = clean_box(annotation['bbox'], image['width'], image['height'])
        return dict(
            img_path=osp.join(self.data_prefix['img'], image['file_name']),
            img_id=image['id'],
            id=annotation['id'],
            category_id=annotation['category_id'],
            bbox=box.astype(np.float32)[None],
            bbox_score=np.ones(1, dtype=np.float32),
            keypoints=keypoints[None, :, :2],
            keypoints_visible=keypoints[None, :, 2],
        )

    def _build_categories(
        self, file: AnnotationFile, chosen: dict, counts: dict[int, int], records: list[dict]
    ) -> dict[int, Category]:
        by_category = defaultdict(list)
        for record in records:
            by_category[record['category_id']].append(record)
        declared = declared_base(file.info)
        evidence = file_base(file.categories, counts) if declared is None else declared
        categories, assumed = {}, []
        for category_id, source in chosen.items():
            members = by_category[category_id]
            if not members:
                continue
            if category_id in self.skeletons:
                source, base = {**source, 'skeleton': self.skeletons[category_id]}, 0
            else:
                base, guessed = self._base_of(source, counts[category_id], evidence)
                if guessed:
                    assumed.append(f'{category_id} ({source["name"]})')
            names = [osp.relpath(r['img_path'], self.data_prefix['img']) for r in members]
            categories[category_id] = build_category(
                source, members, names, base, self.skeleton_fallback
            )
        if assumed:
            _log(
                f'{self.ann_file}: the skeletons of {", ".join(assumed)} may count from 0 or '
                f'from 1; taken as counted from 1. Set skeleton_base or skeletons to be sure.',
                logging.WARNING,
            )
        return categories

    def _base_of(self, source: dict, count: int, evidence: int | None) -> tuple[int, bool]:
        try:
            return resolve_base(source.get('skeleton'), count, self.skeleton_base, evidence)
        except ValueError as error:
            raise ValueError(f'category {source["id"]} ({source["name"]}): {error}') from error

    def _check_images(self, records: list[dict]) -> list[dict]:
        """Refuse or leave out the records whose image file is not there."""
        exists = {path: osp.isfile(path) for path in dict.fromkeys(r['img_path'] for r in records)}
        missing = [path for path, found in exists.items() if not found]
        if not missing:
            return records
        count = f'{len(missing)} of {len(exists)} images are missing'
        if not self.skip_missing_images or len(missing) == len(exists):
            raise FileNotFoundError(
                f'{missing[0]}: there is no such image; {count} in '
                f'{osp.abspath(self.data_prefix["img"])}.{self._hint(missing[0])} '
                f'Set skip_missing_images=True to go on with those that are there.{self._help()}'
            )
        kept = [r for r in records if exists[r['img_path']]]
        lost = Counter(r['category_id'] for r in records if not exists[r['img_path']])
        lines = [
            f'  {category.id} {category.name}: {lost[category.id]} of '
            f'{sum(r["category_id"] == category.id for r in records)} instances'
            for category in self._categories.values()
            if lost[category.id]
        ]
        _log(f'{self.ann_file}: {count}; left out\n' + '\n'.join(lines), logging.WARNING)
        return kept

    def _hint(self, path: str) -> str:
        """Where the images are instead, for the two layouts of MP-100 in use."""
        name = osp.relpath(path, self.data_prefix['img'])
        for directory in (self.data_root, osp.join(self.data_root, 'images')):
            if directory and osp.isfile(osp.join(directory, name)):
                prefix = osp.relpath(directory, self.data_root).replace(os.curdir, '')
                return f" It is in {directory}: set data_prefix=dict(img='{prefix}')."
        return ''

    def _report_empty(self, chosen: dict[int, dict], records: list[dict]) -> None:
        """Forget categories of which nothing is left, and say so."""
        present = {r['category_id'] for r in records}
        self._categories = {i: c for i, c in self._categories.items() if i in present}
        empty = [f'{i} ({record["name"]})' for i, record in chosen.items() if i not in present]
        if empty:
            _log(f'{self.ann_file}: no instance of {", ".join(empty)}', logging.WARNING)


def _plain(category: Category) -> dict:
    """A category as plain Python, so that it can travel in a checkpoint."""
    return dict(
        id=category.id,
        name=category.name,
        supercategory=category.supercategory,
        keypoint_names=list(category.keypoint_names),
        skeleton=category.skeleton.tolist(),
        flip_pairs=[list(pair) for pair in category.flip_pairs],
    )


def _log(message: str, level: int = logging.INFO) -> None:
    print_log(message, logger='current', level=level)
