"""Writing the dataset: MP-100's files, made in parallel, resumable, never left half valid.

Layout::

    ROOT/annotations/synth_{train,val,test}.json   # written when all images are there
    ROOT/images/CATEGORY/000000.jpg
    ROOT/manifest.json                             # the arguments, written last
    ROOT/.partial/                                 # only while the dataset is incomplete
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import connection, parent_process
from pathlib import Path

import cv2
from tqdm import tqdm

from .categories import FAMILIES, SyntheticCategory, build_category
from .instance import render_instance

SPLITS = ('train', 'val', 'test')  # test holds the novel categories
GENERATOR_VERSION = 3  # raise when the same arguments give other images
_CHUNK = 40  # images between two points from which an interrupted run can go on
_IDS_PER_CATEGORY = 1_000_000


@dataclass(frozen=True)
class Plan:
    """What to write. Image i of category c depends on (seed, size, c, i) alone.

    Args:
        seed: Of everything.
        size: Width and height of the images in pixels, at least 64.
        categories: Number of categories in train, val and test; their indices are consecutive.
        images: Images per category in train, val and test.
    """

    seed: int = 0
    size: int = 192
    categories: tuple[int, int, int] = (40, 8, 12)
    images: tuple[int, int, int] = (60, 40, 40)

    def __post_init__(self):
        if self.seed < 0:
            raise ValueError(f'seed: {self.seed} is negative')
        if self.size < 64:
            raise ValueError(f'size: {self.size} is less than 64 pixels')
        for name in ('categories', 'images'):
            values = getattr(self, name)
            if len(values) != 3 or min(values) < 0:
                raise ValueError(f'{name}: {values} are not three counts, for {SPLITS}')
        if max(self.images) > _IDS_PER_CATEGORY:
            raise ValueError(f'images: {self.images} are more than {_IDS_PER_CATEGORY} a category')

    def category_indices(self, split: str) -> range:
        """Indices of the categories of a split."""
        position = SPLITS.index(split)
        start = sum(self.categories[:position])
        return range(start, start + self.categories[position])

    def num_images(self, split: str) -> int:
        """Images per category of a split."""
        return self.images[SPLITS.index(split)]

    def manifest(self) -> dict:
        """What decides the content of the files."""
        arguments = json.loads(json.dumps(asdict(self)))
        return dict(generator='kpt_plugins.synthesis', version=GENERATOR_VERSION, **arguments)


@dataclass(frozen=True)
class _Chunk:
    """Images [start, stop) of one category."""

    category: int
    start: int
    stop: int


def generate_dataset(
    root: str | Path, plan: Plan, workers: int = 1, force: bool = False, progress: bool = True
) -> int:
    """Write the dataset of a plan, or what is missing of it.

    Args:
        root: Folder of the dataset.
        plan: What to write.
        workers: Processes; 0 and 1 run in this one.
        force: Replace a dataset that was made with other arguments.
        progress: Show a progress bar.

    Returns:
        The number of images rendered; 0 where all of them were there.

    Raises:
        FileExistsError: The folder holds a dataset with other arguments, and `force` is off.
    """
    root = Path(root)
    manifest = plan.manifest()
    found = _read_json(root / 'manifest.json') or _read_json(root / '.partial' / 'manifest.json')
    if found is None and any((root / 'annotations').glob('synth_*.json')):
        found = 'no manifest'
    if found is not None and found != manifest:
        if not force:
            raise FileExistsError(
                f'{root} holds a synthetic dataset made with other arguments.\n  there: {found}\n'
                f'  asked: {manifest}\nChoose another folder, or pass --force to replace it.'
            )
        _remove_dataset(root)

    if _read_json(root / 'manifest.json') == manifest and _has_annotations(root):
        return _repair(root, plan, workers, progress)
    partial = root / '.partial'
    partial.mkdir(parents=True, exist_ok=True)
    _write_json(partial / 'manifest.json', manifest)
    todo = [c for c in _chunks(plan) if not _is_done(root, plan, c)]
    rendered = _run(root, plan, todo, workers, progress)
    (root / 'annotations').mkdir(exist_ok=True)
    for split in SPLITS:
        _write_json(_annotation_file(root, split), _merge(root, plan, split))
    _write_json(root / 'manifest.json', manifest)
    shutil.rmtree(partial)
    return rendered


def annotate(category: SyntheticCategory, index: int, instance) -> tuple[dict, dict]:
    """The image and the annotation record of an instance."""
    size = category.size
    record_id = (category.index + 1) * _IDS_PER_CATEGORY + index
    image = dict(id=record_id, file_name=_file_name(category, index), height=size, width=size)
    x, y, w, h = instance.bbox
    annotation = dict(
        id=record_id,
        image_id=record_id,
        category_id=category.index + 1,
        bbox=[x, y, w, h],
        area=round(w * h, 2),
        iscrowd=0,
        num_keypoints=int((instance.keypoints[:, 2] > 0).sum()),
        keypoints=[v for x, y, seen in instance.keypoints.tolist() for v in (x, y, int(seen))],
    )
    return image, annotation


def _file_name(category: SyntheticCategory, index: int) -> str:
    return f'{category.name}/{index:06d}.jpg'


def _annotation_file(root: Path, split: str) -> Path:
    return root / 'annotations' / f'synth_{split}.json'


def _has_annotations(root: Path) -> bool:
    return all(_annotation_file(root, split).is_file() for split in SPLITS)


def _chunks(plan: Plan, split: str | None = None) -> Iterator[_Chunk]:
    for name in SPLITS if split is None else (split,):
        count = plan.num_images(name)
        for category in plan.category_indices(name):
            for start in range(0, count, _CHUNK):
                yield _Chunk(category, start, min(start + _CHUNK, count))


def _part_file(root: Path, chunk: _Chunk) -> Path:
    return root / '.partial' / f'{chunk.category}_{chunk.start}_{chunk.stop}.json'


def _is_done(root: Path, plan: Plan, chunk: _Chunk) -> bool:
    """The records of a chunk are written after its images, so they vouch for them, unless some
    were deleted since."""
    return _part_file(root, chunk).is_file() and not _missing(root, plan, chunk)


def _missing(root: Path, plan: Plan, chunk: _Chunk) -> list[int]:
    category = build_category(plan.seed, chunk.category, plan.size)
    folder = root / 'images' / category.name
    present = set(os.listdir(folder)) if folder.is_dir() else set()
    return [i for i in range(chunk.start, chunk.stop) if f'{i:06d}.jpg' not in present]


def _render_chunk(root: Path, plan: Plan, chunk: _Chunk) -> int:
    """Write the images of a chunk, then their records. Returns the number of images."""
    category = build_category(plan.seed, chunk.category, plan.size)
    (root / 'images' / category.name).mkdir(parents=True, exist_ok=True)
    records = []
    for index in range(chunk.start, chunk.stop):
        instance = render_instance(category, index)
        path = root / 'images' / _file_name(category, index)
        encoded, data = cv2.imencode('.jpg', instance.image, [cv2.IMWRITE_JPEG_QUALITY, 92])
        assert encoded
        _write_bytes(path, data.tobytes())
        records.append(annotate(category, index, instance))
    if (root / '.partial').is_dir():  # a repair needs no records
        _write_json(_part_file(root, chunk), records)
    return len(records)


def _run(root: Path, plan: Plan, chunks: list[_Chunk], workers: int, progress: bool) -> int:
    total = sum(c.stop - c.start for c in chunks)
    bar = tqdm(total=total, desc='synthetic images', unit='img', disable=not (progress and total))
    with bar:
        for count in _counts(root, plan, chunks, workers):
            bar.update(count)
    return total


def _counts(root: Path, plan: Plan, chunks: list[_Chunk], workers: int) -> Iterable[int]:
    if workers <= 1 or len(chunks) <= 1:
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)  # the images are too small for more
        try:
            for chunk in chunks:
                yield _render_chunk(root, plan, chunk)
        finally:
            cv2.setNumThreads(threads)
        return
    with ProcessPoolExecutor(workers, initializer=_start_worker) as pool:
        futures = [pool.submit(_render_chunk, root, plan, chunk) for chunk in chunks]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


def _start_worker() -> None:
    cv2.setNumThreads(1)
    # A killed parent cannot tell its workers to stop; without this they would wait for ever.
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    connection.wait([parent_process().sentinel])
    os._exit(1)


def _merge(root: Path, plan: Plan, split: str) -> dict:
    """The annotation file of a split from the records of its chunks."""
    images, annotations = [], []
    for chunk in _chunks(plan, split):
        for image, annotation in json.loads(_part_file(root, chunk).read_text()):
            images.append(image)
            annotations.append(annotation)
    categories = [
        build_category(plan.seed, index, plan.size).record()
        for index in plan.category_indices(split)
    ]
    # MP-100's files mix skeletons that count from 0 and from 1, so ours says it.
    info = dict(description=f'synthetic, {split}', skeleton_base=0, **plan.manifest())
    return dict(info=info, images=images, annotations=annotations, categories=categories)


def _repair(root: Path, plan: Plan, workers: int, progress: bool) -> int:
    """Render again what was deleted from a complete dataset; the annotations stay."""
    lost = [
        _Chunk(chunk.category, i, i + 1)
        for chunk in _chunks(plan)
        for i in _missing(root, plan, chunk)
    ]
    return _run(root, plan, lost, workers, progress)


def _remove_dataset(root: Path) -> None:
    """Remove what this module writes, and nothing else."""
    (root / 'manifest.json').unlink(missing_ok=True)
    for split in SPLITS:
        _annotation_file(root, split).unlink(missing_ok=True)
    shutil.rmtree(root / '.partial', ignore_errors=True)
    ours = re.compile(rf'({"|".join(FAMILIES)})_\d+')
    for folder in (root / 'images').glob('*'):
        if ours.fullmatch(folder.name):
            shutil.rmtree(folder)


def _read_json(path: Path) -> dict | None:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except json.JSONDecodeError as error:
        raise ValueError(
            f'{path}: not valid JSON ({error}); delete it or pass another folder'
        ) from None


def _write_json(path: Path, content) -> None:
    _write_bytes(path, json.dumps(content).encode())


def _write_bytes(path: Path, data: bytes) -> None:
    """Write a file that is either whole or not there."""
    temporary = path.with_name(f'.{path.name}.{os.getpid()}')
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
