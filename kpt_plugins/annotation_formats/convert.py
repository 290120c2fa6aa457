"""Reading and writing annotations in any of the formats, and what each of them loses.

A format is a module with `LOSES` (what of the neutral form it cannot hold, by the keys of
`_content`), `read(path, images)`, `write(annotations, path, images)` and
`outputs(annotations, path)` (the files that it would write).
Optional packages are imported by the function that needs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from . import (
    coco,
    cvat,
    deeplabcut_csv,
    deeplabcut_h5,
    label_studio,
    labelme,
    sleap,
    yolo_pose,
)
from .boxes import box_of, outside_image
from .conform import conform
from .detect import TRIED, detect_format
from .image_files import relative_name
from .records import HIDDEN, AnnotatedImage, AnnotationSet, KeypointCategory, KeypointInstance

FORMATS: dict[str, ModuleType] = {
    'coco': coco,
    'cvat': cvat,
    'label-studio': label_studio,
    'labelme': labelme,
    'deeplabcut': deeplabcut_csv,
    'deeplabcut-h5': deeplabcut_h5,
    'sleap': sleap,
    'yolo': yolo_pose,
}
"""The modules by the name of their format."""


def read_annotations(
    path: str | Path,
    format: str | None = None,
    images: str | Path | None = None,
    categories: Sequence[KeypointCategory] | None = None,
) -> AnnotationSet:
    """Read the annotations of a tool.

    Args:
        path: The file, or the folder where the format is one.
        format: One of `FORMATS`, None to tell it from the content.
        images: Folder of the images. Needed where the format does not hold their sizes and they
            are wanted in pixels (YOLO); where names lead elsewhere, they are looked up in it.
        categories: The categories that the file is about, for formats that do not hold the order
            of the keypoints (Label Studio, labelme), their names (plain points) or the links. The
            result has exactly these categories.

    Raises:
        FileNotFoundError: If the file, or an image whose size is needed, is missing.
        ValueError: If the format is unknown or not recognised, or the content is not of the format;
            the message names the file, the place in it, the value and what was expected.
        ImportError: If the format needs a package that is not installed; the message names it.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f'{path}: there is no such file or folder')
    if images is not None and not Path(images).is_dir():
        raise FileNotFoundError(f'{images}: there is no such folder of images')
    try:
        annotations = _module(format or detect_format(path)).read(path, images)
        _refuse_repeated_names(annotations)
        return annotations if categories is None else conform(annotations, categories)
    except (RecursionError, OverflowError) as error:
        raise ValueError(f'{path}: nested too deeply, or a number is too large') from error
    except ValueError as error:
        message = str(error) if str(path) in str(error) else f'{path}: {error}'
        raise ValueError(message + _other_format(path, format)) from error


def _other_format(path: Path, format: str | None) -> str:
    """The end of a message where a file that was to be of one format looks like another."""
    try:
        found = detect_format(path)
    except ValueError:
        return ''
    if format in (None, found):
        return ''
    return f'. It was read as {format}, but looks like {found}: {TRIED[found]}'


def write_annotations(
    annotations: AnnotationSet, path: str | Path, format: str, images: str | Path | None = None
) -> None:
    """Write annotations for a tool; existing files are overwritten.

    Instances of which neither a box nor a keypoint is known are left out.

    Args:
        annotations: What to write.
        path: The file, or the folder where the format is one. Folders are made.
        format: One of `FORMATS`.
        images: Folder of the images, needed where the format holds their sizes and `annotations`
            do not.

    Raises:
        FileNotFoundError: If an image whose size is needed is missing.
        ValueError: If the format is unknown, or cannot hold the annotations at all.
        ImportError: If the format needs a package that is not installed; the message names it.
    """
    path = Path(path)
    module = _module(format)
    annotations = _writable(annotations)
    for output in module.outputs(annotations, path):
        output.parent.mkdir(parents=True, exist_ok=True)
    module.write(annotations, path, images)


def output_files(annotations: AnnotationSet, path: str | Path, format: str) -> list[Path]:
    """The files that :func:`write_annotations` would write.

    Raises:
        ValueError: As :func:`write_annotations`.
    """
    return _module(format).outputs(_writable(annotations), Path(path))


def losses(annotations: AnnotationSet, format: str) -> list[str]:
    """What of these annotations a format cannot hold, in words; empty if it holds all of them.

    Raises:
        ValueError: If the format is unknown.
    """
    lost = _module(format).LOSES | {'known'}
    return [words for what, words in _content(annotations).items() if what in lost]


def _module(format: str) -> ModuleType:
    if format not in FORMATS:
        raise ValueError(f'format {format!r}: expected one of {", ".join(FORMATS)}')
    return FORMATS[format]


def _content(annotations: AnnotationSet) -> dict[str, str]:
    """What annotations hold, and how its loss is said."""
    found = [(image, instance) for image in annotations.images for instance in image.instances]
    instances = [instance for _, instance in found]
    all_pairs = [category.flip_pairs for category in annotations.categories]
    of_all = f'of {len(instances)} instances'
    empty = sum(box_of(i) is None for i in instances)
    boxless = sum(i.bbox is None for i in instances) - empty
    boxes = sum(i.bbox is not None for i in instances)
    pointless = sum(i.bbox is not None and not i.keypoints[:, 2].any() for i in instances)
    hidden = sum(int((i.keypoints[:, 2] == HIDDEN).sum()) for i in instances)
    outside = sum(_count_outside(image, instance) for image, instance in found)
    scored = sum(i.scores is not None for i in instances)
    folderless = sum('/' not in image.file_name for image in annotations.images)
    content = [
        ('known', empty, f'{empty} {of_all}, which have neither a box nor a keypoint'),
        ('names', 1, 'names of absent keypoints and order of all; --categories restores them'),
        ('category name', 1, 'name of the category; --categories restores it'),
        (
            'folderless',
            folderless,
            f'names of {folderless} images as they are: they are said to lie in the folder of the '
            f'file; with --images they are found',
        ),
        ('skeleton', any(c.skeleton for c in annotations.categories), 'links of the skeleton'),
        ('flip pairs', any(all_pairs), 'pairs that a mirror exchanges'),
        (
            'differing flip pairs',
            any(pairs != all_pairs[0] for pairs in all_pairs),
            'pairs that a mirror exchanges, since they differ between the categories',
        ),
        ('boxes', boxes, f'boxes of {boxes} {of_all}'),
        (
            'boxless',
            boxless,
            f'{boxless} {of_all} have no box: the extent of their keypoints is it',
        ),
        ('pointless', pointless, f'{pointless} {of_all}, which have a box and no keypoint'),
        ('hidden', hidden, f'{hidden} hidden keypoints are visible now'),
        ('outside', outside, f'{outside} keypoints outside their image'),
        ('scores', scored, f'scores of {scored} {of_all}'),
        ('sizes', any(image.width for image in annotations.images), 'sizes of the images'),
    ]
    return {what: words for what, there, words in content if there}


def _count_outside(image: AnnotatedImage, instance: KeypointInstance) -> int:
    """Number of labelled keypoints outside their image, 0 where its size is not known."""
    return 0 if image.width is None else int(outside_image(instance, image).sum())


def _writable(annotations: AnnotationSet) -> AnnotationSet:
    """The annotations without instances of which nothing is known, their file names checked."""
    for image in annotations.images:
        relative_name(image.file_name, None, 'file_name')
    images = [
        replace(image, instances=[i for i in image.instances if box_of(i) is not None])
        for image in annotations.images
    ]
    return AnnotationSet(annotations.categories, images)


def _refuse_repeated_names(annotations: AnnotationSet) -> None:
    """Two entries for one image: as a rule, names of different folders that were found as one."""
    seen = set()
    for image in annotations.images:
        if image.file_name in seen:
            raise ValueError(
                f'image {image.file_name} occurs twice, expected each once; are there images of '
                f'the same name in different folders?'
            )
        seen.add(image.file_name)
