"""Labels for a folder of images from a model, with what is needed to correct them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kpt_plugins.annotation_formats import write_annotations
from kpt_plugins.annotation_formats.image_files import relative_name
from kpt_plugins.datasets.annotation_file import load_annotation_file
from kpt_plugins.engine.hooks.safe_checkpoint_hook import write_atomically
from kpt_plugins.visualization.review_sheet import ReviewCard, review_sheet, thumbnail

from .inference_inputs import IMAGE_SUFFIXES, Source, folder_sources
from .inference_results import ImageResult, to_annotation_set, write_coco
from .keypoint_inferencer import KeypointInferencer

ANNOTATIONS, REVIEW_SHEET = 'annotations.json', 'review.html'
CORRECTION_FILES = {'cvat': 'cvat.xml', 'label-studio': 'label_studio.json'}
"""Files to import in annotation tools, by format; the labels of a new project lie beside each."""


@dataclass
class AutoLabels:
    """What was labelled.

    Attributes:
        results: Of every image, in the order of their names; those that could not be read have an
            ``error``.
        cards: Of every object, for the review sheet.
        no_box: Names of images that were left out, because no box was given for them.
        interrupted: Ctrl+C ended the work; the results are those up to then.
    """

    results: list[ImageResult]
    cards: list[ReviewCard]
    no_box: list[str]
    interrupted: bool = False

    @property
    def done(self) -> list[ImageResult]:
        """The results of images that could be read."""
        return [result for result in self.results if result.error is None]

    @property
    def failed(self) -> list[str]:
        """Why images have no label, one message an image."""
        return [result.error for result in self.results if result.error is not None]


def find_images(
    folder: str | Path, boxes: Mapping[str, Sequence] | None = None
) -> tuple[list[Source], list[str]]:
    """The images that :func:`autolabel` labels, and the names of those without a box.

    Args:
        folder, boxes: As of :func:`autolabel`.

    Raises:
        FileNotFoundError: If there is no such folder, or no image is in it.
        ValueError: If no image has a box.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f'{folder}: there is no such folder of images')
    sources = folder_sources(folder, videos=False)
    no_box = [s.name for s in sources if boxes is not None and s.name not in boxes]
    if len(no_box) == len(sources):
        raise ValueError(
            f'{folder}: none of its {len(no_box)} images has a box; boxes are given for '
            f'{", ".join(list(boxes)[:3]) or "no image"}{", ..." if len(boxes) > 3 else ""}'
        )
    return [source for source in sources if source.name not in no_box], no_box


def has_images_below(folder: str | Path) -> bool:
    """Whether the folders in a folder hold images, which :func:`autolabel` does not take."""
    files = Path(folder).expanduser().glob('*/**/*')
    return any(path.suffix.lower() in IMAGE_SUFFIXES for path in files)


def autolabel(
    inferencer: KeypointInferencer,
    folder: str | Path,
    boxes: Mapping[str, Sequence] | None = None,
    batch_size: int = 8,
) -> AutoLabels:
    """Predict the keypoints of all images in a folder. Ctrl+C ends it with what is done by then.

    Args:
        inferencer: A few-shot one with its support set, or any other.
        folder: Of the images; those in folders below it are not taken.
        boxes: For names of files the boxes of their objects (N, 4), x1, y1, x2, y2 in pixels; only
            these files are labelled. By default those that the inferencer's detector finds, or
            the whole image without a detector.
        batch_size: Crops that pass the model at once.

    Raises:
        FileNotFoundError, ValueError: As :func:`find_images`.
        ValueError: If no image can be read.
    """
    sources, no_box = find_images(folder, boxes)
    labels = AutoLabels([], [], no_box)
    stream = inferencer.stream(
        sources,
        boxes and [boxes[source.name] for source in sources],
        batch_size=batch_size,
        return_vis=True,
    )
    try:
        for result in stream:
            labels.cards += _cards(result)
            result.visualization = None
            labels.results.append(result)
    except KeyboardInterrupt:
        labels.interrupted = True
    if len(labels.failed) == len(sources):
        raise ValueError(
            f'{folder}: none of its {len(sources)} images can be read; the first: '
            f'{labels.failed[0]}'
        )
    return labels


def write_labels(labels: AutoLabels, out: str | Path, images: str | Path) -> list[Path]:
    """Write the labels as a COCO file, a review sheet, and files to import in annotation tools.

    Args:
        labels: What was labelled.
        out: Folder of the files, made if needed.
        images: Folder of the images.

    Returns:
        The paths of the COCO file, the sheet, and the file for each tool.

    Raises:
        OSError: If a file cannot be written.
    """
    out = Path(out)
    paths = [write_coco(out / ANNOTATIONS, labels.results), out / REVIEW_SHEET]
    name = labels.results[0].category.name
    write_atomically(paths[1], review_sheet(f'Labels of {name}', labels.cards, labels.failed))
    annotations = to_annotation_set(labels.results)
    for format, file in CORRECTION_FILES.items():
        write_annotations(annotations, out / file, format, Path(images).expanduser().resolve())
        paths.append(out / file)
    return paths


def read_boxes(path: str | Path, category: str, images: str | Path) -> dict[str, np.ndarray]:
    """Boxes of a COCO-like file, as :func:`autolabel` takes them.

    Args:
        path: The file; its annotations need no keypoints.
        category: Whose boxes, by its name; of a file with a single one the name does not matter.
        images: Folder of the images; names of files that lead elsewhere are looked up in it.

    Returns:
        For each image that has any, ``float64 array (N, 4)``, x1, y1, x2, y2.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not COCO-like, has several categories and none of this name, or a box
            is none.
    """
    file = load_annotation_file(path)
    ids = [i for i, c in file.categories.items() if c['name'] == category]
    if not ids and len(file.categories) == 1:
        ids = list(file.categories)
    if not ids:
        names = ', '.join(str(c['name']) for c in file.categories.values())
        raise ValueError(
            f'{path}: categories: {names or "none"}, expected {category!r}, which '
            f'is labelled, or a single one'
        )
    found: dict[str, list] = {}
    for number, annotation in enumerate(file.annotations):
        if annotation['category_id'] not in ids:
            continue
        box = annotation.get('bbox')
        try:
            x, y, width, height = (float(value) for value in box)
        except (TypeError, ValueError):
            raise ValueError(
                f'{path}: annotations[{number}]: bbox: {box!r}, expected x, y, width, height'
            ) from None
        image = file.images[annotation['image_id']]
        name = relative_name(image['file_name'], images, f'{path}: image {image["id"]}: file_name')
        found.setdefault(name, []).append((x, y, x + width, y + height))
    return {name: np.array(boxes) for name, boxes in found.items()}


def _cards(result: ImageResult) -> list[ReviewCard]:
    names = result.category.keypoint_names
    cards = []
    for number, each in enumerate(result.instances, 1):
        shown = np.flatnonzero(each.shown)
        cards.append(
            ReviewCard(
                name=f'{result.name} ({number})' if len(result.instances) > 1 else result.name,
                score=each.score,
                keypoint_scores=[(names[i], float(each.scores[i])) for i in shown],
                picture=thumbnail(result.visualization, each.bbox, each.keypoints[shown]),
            )
        )
    return cards
