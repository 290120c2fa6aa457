"""Supports in files: annotation files and exports, images with sidecars, and saved categories."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from mmengine.logging import print_log

from kpt_plugins.annotation_formats import (
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
    read_annotations,
)
from kpt_plugins.annotation_formats.detect import detect_format
from kpt_plugins.datasets.annotation_file import read_json
from kpt_plugins.datasets.instance import clean_box
from kpt_plugins.engine.hooks.safe_checkpoint_hook import write_atomically
from kpt_plugins.visualization import write_image

from .inference_inputs import IMAGE_SUFFIXES, load_image
from .support_set import Support, SupportSet

CATEGORY_FILE = 'category.json'
_VERSION = 1


def read_supports(
    path: str | Path,
    category: str | None = None,
    images: str | Path | None = None,
    format: str | None = None,
    num_shots: int = 5,
) -> SupportSet:
    """Supports from a file or folder.

    It may be

    - a folder that :func:`save_supports` wrote;
    - a folder of images, some with a sidecar ``NAME.json``: ``keypoints``, a list of [x, y] or
      [x, y, visibility], and if wanted ``bbox`` [x1, y1, x2, y2]; ``names``, ``skeleton`` and
      ``flip_pairs`` (indices counted from 0) and ``category``, its name (otherwise that of the
      folder), in at least one of them;
    - whatever :func:`kpt_plugins.annotation_formats.read_annotations` reads: a COCO file, exports
      of annotation tools.

    Args:
        path: The file or folder.
        category: Which category of an annotation file; not needed where there is only one. With
            sidecars, what to call it.
        images: Folder of the images of an annotation file, by default the one that it lies in.
        format: Of an annotation file, by default found out.
        num_shots: Most supports; of an annotation file those that come first are taken.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: Naming the file, the field and what was expected.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise FileNotFoundError(f'{path}: there is no such file or folder of supports')
    if path.is_dir() and format is None:
        if (path / CATEGORY_FILE).is_file():
            return _load(path, num_shots)
        sidecars = _find_sidecars(path)
        if sidecars:
            return _from_sidecars(sidecars, category, num_shots)
        try:
            format = detect_format(path)
        except ValueError as error:
            raise ValueError(
                f'{error}; nor has it images with NAME.json beside them, or {CATEGORY_FILE}'
            ) from error
    folder = Path(images).expanduser() if images else path if path.is_dir() else path.parent
    annotations = read_annotations(path, format=format, images=folder)
    return supports_from_annotations(annotations, folder, category, num_shots, str(path))


def read_sidecars(folder: Path) -> AnnotationSet | None:
    """The annotations beside the images of a folder, as :func:`read_supports` takes them, or None.

    Raises:
        ValueError: As :func:`read_supports`.
    """
    sidecars = _find_sidecars(folder)
    if not sidecars:
        return None
    support = _from_sidecars(sidecars, None, len(sidecars))
    images = []
    for (path, *_), each in zip(sidecars, support.supports, strict=True):
        height, width = each.image.shape[:2]
        x1, y1, x2, y2 = each.bbox.tolist()
        box = (x1, y1, x2 - x1, y2 - y1)
        instance = KeypointInstance(support.category.name, each.keypoints, box)
        images.append(AnnotatedImage(path.name, width, height, [instance]))
    return AnnotationSet([support.category], images)


def supports_from_annotations(
    annotations: AnnotationSet,
    images: str | Path,
    category: str | None = None,
    num_shots: int = 5,
    where: str = 'annotations',
) -> SupportSet:
    """The first instances of a category that show a keypoint, as supports.

    Args:
        annotations: Of any tool.
        images: Folder of their images.
        category: Name; not needed where there is only one.
        num_shots: Most supports.
        where: What messages call the annotations.

    Raises:
        FileNotFoundError: If an image is missing.
        ValueError: If the category is not named or not there, has no instance, or an image is of
            another size than the annotations say.
    """
    names = [c.name for c in annotations.categories]
    if category is None and len(names) == 1:
        category = names[0]
    if category not in names:
        given = 'several categories' if category is None else f'no category {category!r}'
        raise ValueError(f'{where}: {given}, expected the name of one of {", ".join(names)}')
    found = [
        (image, instance)
        for image in annotations.images
        for instance in image.instances
        if instance.category == category and (instance.keypoints[:, 2] > 0).any()
    ]
    if not found:
        raise ValueError(f'{where}: no instance of category {category!r} has a keypoint')
    if len(found) > num_shots:
        print_log(f'{where}: the first {num_shots} of {len(found)} instances are the supports')
    supports = []
    for image, instance in found[:num_shots]:
        path = _inside(Path(images), image.file_name, where)
        if not path.is_file():
            raise FileNotFoundError(
                f'{path}: there is no such image, of {where}; are the images in another folder '
                f'(--support-images, image_dir=)?'
            )
        pixels = load_image(path)
        height, width = pixels.shape[:2]
        if (image.width or width, image.height or height) != (width, height):
            raise ValueError(
                f'{where}: {image.file_name} has {width} x {height} pixels (upright, as its EXIF '
                f'orientation says), but was annotated as {image.width} x {image.height}'
            )
        box = instance.bbox
        if box is not None:
            box = clean_box(list(box), width, height)
            if box is None:
                raise ValueError(
                    f'{where}: {image.file_name}: bbox {list(instance.bbox)} lies outside the '
                    f'image of {width} x {height} pixels'
                )
        supports.append(Support(image.file_name, pixels, instance.keypoints, box))
    return SupportSet(annotations.category(category), supports)


def save_supports(support: SupportSet, folder: str | Path) -> Path:
    """Save a category as ``category.json`` and PNG images, for :func:`read_supports`.

    Args:
        support: The category and its supports.
        folder: Made if needed; a category in it is replaced.

    Returns:
        The path of ``category.json``.

    Raises:
        OSError: If it cannot be written.
    """
    folder = Path(folder).expanduser()
    category, records = support.category, []
    for number, each in enumerate(support.supports, 1):
        name = f'support_{number}.png'
        write_image(folder / name, each.image)
        records.append(dict(image=name, keypoints=each.keypoints.tolist(), bbox=each.bbox.tolist()))
    content = dict(
        version=_VERSION,
        name=category.name,
        names=category.keypoint_names,
        skeleton=[list(link) for link in category.skeleton],
        flip_pairs=[list(pair) for pair in category.flip_pairs],
        supports=records,
    )
    text = json.dumps(content, indent=2) + '\n'
    write_atomically(folder / CATEGORY_FILE, text)
    return folder / CATEGORY_FILE


def _load(folder: Path, num_shots: int) -> SupportSet:
    path = folder / CATEGORY_FILE
    content = _fields(read_json(path), path, ('name', 'names', 'supports'))
    if content.get('version') != _VERSION:
        raise ValueError(f'{path}: version: {content.get("version")!r}, expected {_VERSION}')
    records = content['supports']
    if not isinstance(records, list):
        raise ValueError(f'{path}: supports: {type(records).__name__}, expected a list')
    supports = []
    for number, record in enumerate(records[:num_shots]):
        where = f'{path}: supports[{number}]'
        record = _fields(record, where, ('image', 'keypoints'))
        image = load_image(_inside(folder, record['image'], f'{where}: image'))
        supports.append(_support(where, image, record))
    return SupportSet(_category(str(path), str(content['name']), content, None), supports)


def _find_sidecars(folder: Path) -> list[tuple[Path, Path, dict]]:
    """Images of a folder with the path and content of their sidecar of ours."""
    found = []
    for image in sorted(folder.iterdir()):
        sidecar = image.with_suffix('.json')
        if image.suffix.lower() in IMAGE_SUFFIXES and sidecar.is_file():
            content = read_json(sidecar)
            if not isinstance(content, dict) or 'shapes' in content:  # of labelme
                continue
            if 'keypoints' not in content:
                raise ValueError(
                    f'{sidecar}: keypoints: missing, expected a list of [x, y] or [x, y, '
                    f'visibility]; it has {", ".join(map(str, content)) or "no field"}'
                )
            found.append((image, sidecar, content))
    return found


def _from_sidecars(
    sidecars: list[tuple[Path, Path, dict]], name: str | None, num_shots: int
) -> SupportSet:
    shared: dict[str, tuple[Any, Path]] = {}
    for _, path, content in sidecars:
        if isinstance(points := content['keypoints'], list):
            # each by itself first, or a good one is blamed for not agreeing with a bad one
            _category(str(path), path.parent.name, content, len(points))
        for field in ('category', 'names', 'skeleton', 'flip_pairs'):
            value = content.get(field)
            if value is None:
                continue
            first, where = shared.setdefault(field, (value, path))
            if first != value:
                raise ValueError(f'{path}: {field}: {value}, expected {first} as in {where}')
    supports = [
        _support(str(path), load_image(image), content)
        for image, path, content in sidecars[:num_shots]
    ]
    where, common = str(sidecars[0][1]), {field: value for field, (value, _) in shared.items()}
    name = name or str(common.get('category') or sidecars[0][1].resolve().parent.name)
    return SupportSet(_category(where, name, common, len(supports[0].keypoints)), supports)


def _support(where: str, image: np.ndarray, record: dict) -> Support:
    return Support(where, image, record['keypoints'], record.get('bbox'))


def _category(where: str, name: str, content: dict, size: int | None) -> KeypointCategory:
    """The category of a JSON object's ``names``, ``skeleton``, ``flip_pairs``."""
    names = content.get('names')
    if names is None and size is not None:
        names = [f'keypoint_{index}' for index in range(size)]
    if not isinstance(names, list):
        raise ValueError(f'{where}: names: {names!r}, expected a list of keypoint names')
    if size is not None and len(names) != size:
        raise ValueError(f'{where}: names: {len(names)} for {size} keypoints')
    try:
        return KeypointCategory(
            name, names, content.get('skeleton') or [], content.get('flip_pairs') or []
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f'{where}: {error}') from error


def _fields(content: Any, where: str | Path, names: tuple[str, ...]) -> dict:
    if not isinstance(content, dict):
        raise ValueError(f'{where}: {type(content).__name__}, expected an object')
    missing = [name for name in names if name not in content]
    if missing:
        raise ValueError(f'{where}: {", ".join(missing)} missing')
    return content


def _inside(folder: Path, name: Any, where: str) -> Path:
    """A file of a folder by its name from a file, which must not lead out of the folder."""
    parts = PurePosixPath(str(name).replace('\\', '/'))
    path = folder / parts
    if parts.is_absolute() or not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f'{where}: {name!r} leads out of the folder {folder}')
    return path
