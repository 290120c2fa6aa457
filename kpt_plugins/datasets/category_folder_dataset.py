"""Unlabelled images, one folder for each category."""

from __future__ import annotations

import os.path as osp
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from mmengine.dataset import BaseDataset, force_full_init
from mmpose.registry import DATASETS

from kpt_plugins.datasets.annotation_file import AnnotationFile, load_annotation_file

SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp')


@dataclass(frozen=True)
class UnlabelledCategory:
    """A category of which only images are known: its `id`, `name`, and no keypoints."""

    id: int
    name: str
    num_keypoints: int = 0
    keypoint_names: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()


@DATASETS.register_module()
class CategoryFolderDataset(BaseDataset):
    """One record for each image of the folders `data_root/data_prefix['img']/CATEGORY/`.

    The object fills the image: the box is the whole image. Nothing is annotated. Records have
    img_path, img_id (path below the image directory), id (int), category_id, bbox (1, 4) float32
    in pixels and bbox_score, as those of :class:`MP100Dataset`, but no keypoints.

    Args:
        data_root: Root of the dataset.
        data_prefix: `img` is the directory of the folders, relative to `data_root`.
        classes: Names of the folders; by default all that hold images.
        labelled_ann_file: Annotation file of labelled categories, relative to `data_root`: by
            default the folders with images that it has visible keypoints of are left out, so that
            labelled and unlabelled categories can share the image directory. Category ids follow
            on from its own.
        first_id: Category id of the first folder in the order of their names, where there is no
            `labelled_ann_file`.
        metainfo, serialize_data, pipeline, test_mode, lazy_init, max_refetch: As in MMEngine's
            `BaseDataset`.

    Raises:
        FileNotFoundError: If the directory or a folder of `classes` is not there.
        ValueError: If there is no image, in all or in a folder of `classes`, a file is none, or a
            folder of `classes` is labelled.
    """

    METAINFO: dict = dict(dataset_name='folders')

    def __init__(
        self,
        data_root: str = '',
        data_prefix: dict | None = None,
        classes: Sequence[str] | None = None,
        labelled_ann_file: str | None = None,
        first_id: int = 1,
        metainfo: dict | None = None,
        serialize_data: bool = True,
        pipeline: Sequence[dict | Callable] = (),
        test_mode: bool = False,
        lazy_init: bool = False,
        max_refetch: int = 1000,
    ) -> None:
        if isinstance(classes, str):
            raise ValueError(f'classes={classes!r}: expected a list of folder names')
        self.classes = classes
        self.labelled_ann_file = labelled_ann_file and osp.join(data_root, labelled_ann_file)
        self.first_id = first_id
        self._categories: dict[int, UnlabelledCategory] = {}
        self._members: dict[int, list[int]] = {}
        super().__init__(
            metainfo=metainfo,
            data_root=data_root,
            data_prefix=dict(img='images') if data_prefix is None else data_prefix,
            serialize_data=serialize_data,
            pipeline=list(pipeline),
            test_mode=test_mode,
            lazy_init=lazy_init,
            max_refetch=max_refetch,
        )

    @property
    @force_full_init
    def categories(self) -> dict[int, UnlabelledCategory]:
        """The categories by id, in the order of the folders' names."""
        return self._categories

    @force_full_init
    def indices_of(self, category_id: int) -> np.ndarray:
        """Record indices of a category, ascending, int64 (N,).

        Raises:
            KeyError: If the dataset has no such category.
        """
        return np.array(self._members[category_id], dtype=np.int64)

    def load_data_list(self) -> list[dict]:
        """List the folders; called once by MMEngine."""
        root = Path(self.data_prefix['img'])
        if not root.is_dir():
            raise FileNotFoundError(f'{root}: there is no such directory of category folders')
        folders, first_id = self._choose_folders(root)
        records = []
        for category_id, folder in enumerate(folders, first_id):
            files = _images(root / folder)
            if not files:
                raise ValueError(f'{root / folder}: no image, expected files {SUFFIXES}')
            self._categories[category_id] = UnlabelledCategory(category_id, folder)
            self._members[category_id] = list(range(len(records), len(records) + len(files)))
            records += [self._record(path, root, category_id) for path in files]
        for number, record in enumerate(records):
            record['id'] = number
        return records

    def _choose_folders(self, root: Path) -> tuple[list[str], int]:
        first_id, labelled = self.first_id, set()
        if self.labelled_ann_file:
            file = load_annotation_file(self.labelled_ann_file)
            first_id = max(file.categories) + 1
            labelled = _labelled_folders(file, root)
        if self.classes is not None:
            if both := sorted(labelled.intersection(self.classes)):
                raise ValueError(
                    f'{root}: classes {both}: {self.labelled_ann_file} has labels of them, '
                    f'expected folders without'
                )
            missing = [name for name in self.classes if not (root / name).is_dir()]
            if missing:
                raise FileNotFoundError(f'{root}: classes {missing}: there are no such folders')
            return sorted(self.classes), first_id
        folders = [p.name for p in root.iterdir() if p.is_dir() and p.name not in labelled]
        folders = sorted(name for name in folders if _images(root / name))
        if not folders:
            raise ValueError(
                f'{root}: no novel image; expected a folder of images for each unlabelled '
                f'category, besides those labelled: {sorted(labelled)}'
            )
        return folders, first_id

    def _record(self, path: Path, root: Path, category_id: int) -> dict:
        image = cv2.imread(str(path))
        if image is None:
            raise ValueError(f'{path}: cannot be decoded as an image')
        height, width = image.shape[:2]
        return dict(
            img_path=str(path),
            img_id=path.relative_to(root).as_posix(),
            category_id=category_id,
            bbox=np.array([[0, 0, width - 1, height - 1]], dtype=np.float32),
            bbox_score=np.ones(1, dtype=np.float32),
        )


def _labelled_folders(file: AnnotationFile, root: Path) -> set[str]:
    """The folders of `root` with an image that has a visible keypoint."""
    labelled = {a['image_id'] for a in file.annotations if any((a.get('keypoints') or [])[2::3])}
    root = root.resolve()
    paths = [(root / file.images[i]['file_name']).resolve() for i in labelled if i in file.images]
    return {path.relative_to(root).parts[0] for path in paths if path.is_relative_to(root)}


def _images(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob('*') if p.suffix.lower() in SUFFIXES)
