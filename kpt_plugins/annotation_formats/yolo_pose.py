"""YOLO-pose, a folder with `data.yaml` and a text file an image (Ultralytics, version 8).

    data.yaml       kpt_shape [K, 3], names and kpt_names by class, flip_idx
    labels/A/B.txt  a line an instance: class, box x, y (centre), width, height, and x, y, v of K
                    keypoints, all in [0, 1] of the image
    images/A/B.jpg  the images

Reading takes the names of the keypoints from `kpt_names` (keypoint_0, ... without it), also files
with `kpt_shape` [K, 2] (a keypoint at 0, 0 is absent), and needs the images for their sizes: in
`images/`, or in the folder that is given. An image without a text file has no instance.

Written are `data.yaml` and `labels/`; the images belong beside them as `images/`. All classes have
the number of keypoints of the largest; the others are filled up with absent ones, which `kpt_names`
tells apart. `flip_idx` comes from the pairs, or the names if there are none, and is written if it
is the same for all classes; training does not mirror images without it. Lost are links, scores,
keypoints outside the image (absent) and the parts of boxes there.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
import yaml

from kpt_plugins.structures.left_right import find_left_right_pairs

from .boxes import box_of, clip_box, outside_image
from .conform import unnamed_keypoints
from .fields import fraction, mapping, parse_number, sequence, take, text, wrong
from .image_files import read_size, with_sizes
from .records import (
    ABSENT,
    HIDDEN,
    VISIBLE,
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
)

LOSES = frozenset({'skeleton', 'differing flip pairs', 'boxless', 'outside', 'scores', 'sizes'})
IMAGE_SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff', '.webp')


def outputs(annotations: AnnotationSet, path: Path) -> list[Path]:
    """The files that :func:`write` writes."""
    labels = [path / 'labels' / f'{_stem(image.file_name)}.txt' for image in annotations.images]
    return [path / 'data.yaml', *labels]


def read(path: Path, images: str | Path | None) -> AnnotationSet:
    """Read a YOLO-pose folder, or the one that a `data.yaml` is in.

    Raises:
        FileNotFoundError: If `data.yaml` or the folder of images is missing.
        ValueError: If a field, a line of a text file, or the image of one is wrong.
    """
    file = path / 'data.yaml' if path.is_dir() else path
    categories, dims = _read_categories(file)
    root = file.parent / 'images' if images is None else Path(images)
    if not root.is_dir():
        raise FileNotFoundError(f'{root}: there is no such folder, and the images are needed')
    labels = file.parent / 'labels'
    texts = {t.relative_to(labels).with_suffix('').as_posix(): t for t in labels.rglob('*.txt')}
    found = []
    for stem, image in _find_images(root).items():
        record = AnnotatedImage(image.relative_to(root).as_posix(), *read_size(image))
        if stem in texts:
            record.instances = _read_text(texts.pop(stem), record, categories, dims)
        found.append(record)
    if texts:
        stem = min(texts)
        raise ValueError(f'labels/{stem}.txt: expected an image {stem}.* in {root}')
    return AnnotationSet(categories, found)


def write(annotations: AnnotationSet, path: Path, images: str | Path | None) -> None:
    """Write a YOLO-pose folder.

    Raises:
        FileNotFoundError, ValueError: If the size of an image is not known and cannot be read.
        ValueError: If two images differ in their suffix only.
    """
    annotations = with_sizes(annotations, images)
    files = outputs(annotations, path)
    if len(set(files)) < len(files):
        raise ValueError('two images differ in their suffix only, but their text files would not')
    count = max((len(c.keypoint_names) for c in annotations.categories), default=0)
    indices = {c.name: index for index, c in enumerate(annotations.categories)}
    text = yaml.safe_dump(_data(annotations.categories, count), allow_unicode=True, sort_keys=False)
    files[0].write_text(text, encoding='utf-8')
    for image, file in zip(annotations.images, files[1:], strict=True):
        lines = [_line(i, image, indices[i.category], count) for i in image.instances]
        file.write_text(''.join(filter(None, lines)), encoding='utf-8')


def _read_categories(file: Path) -> tuple[list[KeypointCategory], int]:
    """The classes, and whether a keypoint has 2 or 3 numbers."""
    if not file.is_file():
        raise FileNotFoundError(f'{file}: there is no such file')
    try:
        # Every scalar stays a text: a keypoint may be called no or 1.
        data = mapping(yaml.load(file.read_text('utf-8'), yaml.BaseLoader), file.name)
    except yaml.YAMLError as error:
        raise ValueError(f'{file}: not YAML ({error})') from error
    shape = [
        parse_number(text(v, 'kpt_shape'), 'kpt_shape')
        for v in take(data, 'kpt_shape', sequence, file.name)
    ]
    if len(shape) != 2 or not 1 <= shape[0] <= 10_000 or shape[0] % 1 or shape[1] not in (2, 3):
        raise wrong(shape, 'kpt_shape', 'the number of keypoints, and 2 or 3')
    count = int(shape[0])
    names = _by_class(data.get('names'), 'names')
    all_names = _by_class(data.get('kpt_names', {}), 'kpt_names')
    pairs = _read_pairs(data, count)
    categories = []
    for index, name in names.items():
        keypoints = sequence(all_names.get(index, unnamed_keypoints(count)), 'kpt_names')
        if not 1 <= len(keypoints) <= count:
            raise ValueError(f'kpt_names of class {index}: {len(keypoints)}, expected {count}')
        keypoints = [text(keypoint, f'kpt_names of class {index}') for keypoint in keypoints]
        inside = [pair for pair in pairs if max(pair) < len(keypoints)]
        categories.append(KeypointCategory(text(name, 'names'), keypoints, [], inside))
    return categories, int(shape[1])


def _by_class(value: object, where: str) -> dict[int, object]:
    """A list, or an object with the keys 0, 1, ..., by index."""
    if isinstance(value, dict):
        if sorted(value) != sorted(str(index) for index in range(len(value))):
            raise wrong(list(value), where, f'the classes 0 to {len(value) - 1}')
        return {index: value[str(index)] for index in range(len(value))}
    return dict(enumerate(sequence(value, where)))


def _read_pairs(data: dict, count: int) -> list[tuple[int, int]]:
    flips = data.get('flip_idx')
    if flips is None:
        return []
    flips = [parse_number(text(v, 'flip_idx'), 'flip_idx') for v in sequence(flips, 'flip_idx')]
    if sorted(flips) != list(range(count)) or any(flips[int(j)] != i for i, j in enumerate(flips)):
        raise wrong(flips, 'flip_idx', f'for each of {count} keypoints the one opposite')
    return [(i, int(j)) for i, j in enumerate(flips) if i < j]


def _find_images(root: Path) -> dict[str, Path]:
    """The images of a folder and those below by their path without the suffix."""
    found = {}
    for image in sorted(root.rglob('*')):
        if image.suffix.lower() in IMAGE_SUFFIXES and image.is_file():
            stem = _stem(image.relative_to(root).as_posix())
            if stem in found:
                raise ValueError(f'{image} and {found[stem].name}: both would be of {stem}.txt')
            found[stem] = image
    return found


def _stem(file_name: str) -> str:
    return PurePosixPath(file_name).with_suffix('').as_posix()


def _read_text(
    file: Path, image: AnnotatedImage, categories: list[KeypointCategory], dims: int
) -> list[KeypointInstance]:
    instances = []
    for number, line in enumerate(file.read_text('utf-8').splitlines(), 1):
        if line.strip():
            where = f'{file}: line {number}'
            values = [parse_number(value, where) for value in line.split()]
            instances.append(_read_line(values, image, categories, dims, where))
    return instances


def _read_line(
    values: list[float],
    image: AnnotatedImage,
    categories: list[KeypointCategory],
    dims: int,
    where: str,
) -> KeypointInstance:
    if values[0] not in range(len(categories)):
        raise wrong(values[0], f'{where}: class', f'0 to {len(categories) - 1}')
    category = categories[int(values[0])]
    count = len(category.keypoint_names)
    rest = values[5:]
    if len(values) < 5 or len(rest) % dims or len(rest) < count * dims:
        raise ValueError(f'{where}: {len(values)} numbers, expected 5 and {dims} a keypoint')
    size = np.array([image.width, image.height])
    box = np.array([fraction(v, f'{where}: box') for v in values[1:5]]).reshape(2, 2) * size
    keypoints = np.array(rest).reshape(-1, dims)[:count]
    if dims == 2:
        keypoints = np.column_stack([keypoints, np.where(keypoints.any(axis=1), VISIBLE, ABSENT)])
    for x, y, visibility in keypoints.tolist():
        if visibility not in (ABSENT, HIDDEN, VISIBLE):
            raise wrong(visibility, f'{where}: visibility', '0, 1 or 2')
        if visibility != ABSENT:
            fraction(x, f'{where}: x of a keypoint'), fraction(y, f'{where}: y of a keypoint')
    keypoints[:, :2] *= size
    try:
        return KeypointInstance(category.name, keypoints, (*(box[0] - box[1] / 2), *box[1]))
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from error


def _data(categories: list[KeypointCategory], count: int) -> dict:
    """What `data.yaml` says."""
    data = dict(train='images', val='images', kpt_shape=[count, 3])
    flips = [_flip_idx(category, count) for category in categories]
    if flips and flips[0] != list(range(count)) and all(flip == flips[0] for flip in flips):
        data['flip_idx'] = flips[0]
    data['names'] = {index: category.name for index, category in enumerate(categories)}
    data['kpt_names'] = {index: c.keypoint_names for index, c in enumerate(categories)}
    return data


def _flip_idx(category: KeypointCategory, count: int) -> list[int]:
    flips = list(range(count))
    for a, b in category.flip_pairs or find_left_right_pairs(category.keypoint_names):
        flips[a], flips[b] = b, a
    return flips


def _line(instance: KeypointInstance, image: AnnotatedImage, index: int, count: int) -> str | None:
    """The line of an instance, None if its box is outside the image."""
    size = np.array([image.width, image.height], dtype=float)
    box = clip_box(box_of(instance), *size)
    if box is None:
        return None
    corner, extent = np.array(box[:2]), np.array(box[2:])
    keypoints = np.zeros((count, 3))
    keypoints[: len(instance.keypoints)] = instance.keypoints
    keypoints[: len(instance.keypoints)][outside_image(instance, image)] = 0
    keypoints[:, :2] /= size
    values = [*((corner + extent / 2) / size), *(extent / size)]
    words = [f'{index}', *(f'{value:.8f}' for value in values)]
    words += [f'{x:.8f} {y:.8f} {int(v)}' for x, y, v in keypoints]
    return ' '.join(words) + '\n'
