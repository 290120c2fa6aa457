"""MP-100, and any other COCO-like keypoint file with one or many categories."""

from __future__ import annotations

import logging
import os.path as osp
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

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
from kpt_plugins.datasets.instance import Instance, read_instance
from kpt_plugins.datasets.missing_files import (
    find_missing,
    missing_images_error,
    missing_images_report,
    require_paths,
)
from kpt_plugins.datasets.mp100_splits import get_category_ids


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
        skeletons: Zero-based skeletons by category id that replace the file's; those of other
            categories are ignored with a warning, so that all subsets can share them.
        skip_missing_images: Leave out instances whose image file is not there, with a count for
            each category in the log, instead of raising an error.
        min_visible: Fewest visible keypoints of an instance. With 0 it may have none at all, as the
            unlabelled images of weak-shot learning.
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
            raise ValueError(
                f'skeleton_fallback={skeleton_fallback!r}: expected one of {FALLBACKS}'
            )
        if (split is None) != (subset is None):
            raise ValueError(f'split={split!r}, subset={subset!r}: give both or neither')
        if split is not None:
            if category_ids is not None:
                raise ValueError('give either category_ids or split and subset, not both')
            category_ids = get_category_ids(split, subset)
        # Keys are strings where the config came from JSON or the command line.
        self.skeletons = {int(k): v for k, v in (skeletons or {}).items()}
        if isinstance(category_ids, int):
            category_ids = [category_ids]
        if isinstance(category_ids, str):
            raise ValueError(
                f'category_ids must be an id or a list of ids, got the string {category_ids!r}'
            )
        self.category_ids = None if category_ids is None else [int(i) for i in category_ids]
        self.skeleton_base = skeleton_base
        self.skeleton_fallback = skeleton_fallback
        self.skip_missing_images = skip_missing_images
        self.min_visible = min_visible
        self._categories: dict[int, Category] = {}
        self._unlabelled: dict[int, str] = {}
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

    @property
    @force_full_init
    def unlabelled(self) -> dict[int, str]:
        """Names of the categories that have annotations, all without enough visible keypoints."""
        return self._unlabelled

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
        require_paths(self.ann_file, self.data_prefix['img'], self.data_root)
        file = load_annotation_file(self.ann_file)
        try:
            chosen = self._choose_categories(file)
            instances = self._read_instances(file, chosen)  # first: it knows malformed keypoints
            counts = count_keypoints(file.annotations)
            for category_id, record in chosen.items():  # of categories without a label: as named
                counts.setdefault(category_id, len(record.get('keypoints') or []))
            instances = [_of_all_keypoints(i, counts[i.category_id]) for i in instances]
            categories = self._build_categories(file, chosen, counts, instances)
        except ValueError as error:
            raise ValueError(f'{self.ann_file}: {error}') from error
        labelled = {instance.category_id for instance in instances}
        annotated = {annotation['category_id'] for annotation in file.annotations}
        self._unlabelled = {
            i: record['name'] for i, record in chosen.items() if i in annotated - labelled
        }
        instances = self._with_images(instances, {i: r['name'] for i, r in chosen.items()})
        present = {instance.category_id for instance in instances}
        self._categories = {i: c for i, c in categories.items() if i in present}
        empty = [f'{i} ({record["name"]})' for i, record in chosen.items() if i not in present]
        if empty:
            self._log(f'no instance of {", ".join(empty)}', logging.WARNING)
        self._metainfo['categories'] = [_plain(c) for c in self._categories.values()]
        return [self._make_record(instance) for instance in instances]

    def _choose_categories(self, file: AnnotationFile) -> dict[int, dict]:
        """The chosen category objects by id, in file order."""
        wanted = file.categories if self.category_ids is None else self.category_ids
        unknown = [i for i in wanted if i not in file.categories]
        if unknown:
            raise ValueError(
                f'category_ids {unknown}: not among the {len(file.categories)} categories of the '
                f'file: {sorted(file.categories)}'
            )
        unused = [i for i in self.skeletons if i not in file.categories]
        if unused:  # no error: the files of the other subsets may have these categories
            self._log(f'skeletons {unused}: the file has no such categories', logging.WARNING)
        wanted = set(wanted)
        return {i: record for i, record in file.categories.items() if i in wanted}

    def _read_instances(self, file: AnnotationFile, chosen: dict[int, dict]) -> list[Instance]:
        by_image = defaultdict(list)
        for annotation in file.annotations:
            if annotation['category_id'] in chosen:
                by_image[annotation['image_id']].append(annotation)
        instances, dropped = [], Counter()
        for image_id, image in file.images.items():
            for annotation in by_image[image_id]:
                try:
                    instance, reason = read_instance(annotation, image, self.min_visible)
                except ValueError as error:
                    raise ValueError(f'annotation {annotation["id"]}: {error}') from error
                if instance is None:
                    dropped[reason] += 1
                else:
                    instances.append(instance)
        if dropped:
            count = sum(dropped.values())
            reasons = ', '.join(f'{n} {reason}' for reason, n in dropped.most_common())
            self._log(f'left out {count} of {len(instances) + count} instances: {reasons}')
        if not instances:
            raise ValueError(f'no usable instance of the categories {sorted(chosen)}')
        return instances

    def _build_categories(
        self, file: AnnotationFile, chosen: dict, counts: dict[int, int], instances: list[Instance]
    ) -> dict[int, Category]:
        by_category = defaultdict(list)
        for instance in instances:
            by_category[instance.category_id].append(instance)
        declared = declared_base(file.info)
        evidence = file_base(file.categories, counts) if declared is None else declared
        categories, assumed = {}, []
        for category_id, source in chosen.items():
            if category_id not in by_category:
                continue
            if category_id in self.skeletons:
                source, base = {**source, 'skeleton': self.skeletons[category_id]}, 0
            else:
                base, guessed = self._base_of(source, counts[category_id], evidence)
                if guessed:
                    assumed.append(f'{category_id} ({source["name"]})')
            categories[category_id] = build_category(
                source, by_category[category_id], base, self.skeleton_fallback
            )
        if assumed:
            self._log(
                f'the skeletons of {", ".join(assumed)} may count from 0 or from 1; taken as '
                f'counted from 1. Set skeleton_base or skeletons to be sure.',
                logging.WARNING,
            )
        return categories

    def _base_of(self, source: dict, count: int, evidence: int | None) -> tuple[int, bool]:
        try:
            return resolve_base(source.get('skeleton'), count, self.skeleton_base, evidence)
        except ValueError as error:
            raise ValueError(f'category {source["id"]} ({source["name"]}): {error}') from error

    def _with_images(self, instances: list[Instance], names: dict[int, str]) -> list[Instance]:
        """The instances whose image file is there; an error where that is not allowed."""
        image_dir = self.data_prefix['img']
        missing, total = find_missing(image_dir, instances)
        if not missing:
            return instances
        if not self.skip_missing_images or len(missing) == total:
            raise missing_images_error(missing, total, self.ann_file, image_dir, self.data_root)
        self._log(missing_images_report(missing, total, instances, names), logging.WARNING)
        gone = set(missing)
        return [instance for instance in instances if instance.file_name not in gone]

    def _make_record(self, instance: Instance) -> dict:
        return dict(
            img_path=osp.join(self.data_prefix['img'], instance.file_name),
            img_id=instance.image_id,
            id=instance.id,
            category_id=instance.category_id,
            bbox=instance.box[None].astype(np.float32),
            bbox_score=np.ones(1, dtype=np.float32),
            keypoints=instance.keypoints[None, :, :2].astype(np.float32),
            keypoints_visible=instance.keypoints[None, :, 2].astype(np.float32),
        )

    def _log(self, message: str, level: int = logging.INFO) -> None:
        print_log(f'{self.ann_file}: {message}', logger='current', level=level)


def _of_all_keypoints(instance: Instance, count: int) -> Instance:
    """An instance that lists no keypoint with those of its category, none of them visible."""
    return (
        instance if len(instance.keypoints) else replace(instance, keypoints=np.zeros((count, 3)))
    )


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
