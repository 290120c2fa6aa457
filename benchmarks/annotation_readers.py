"""Whether the annotation tools' own code reads what we write: each point's place against ours.

LABELS is a folder that ``kpt autolabel`` wrote; ``kpt convert`` makes ``LABELS/yolo`` and
``LABELS/labelme`` of its ``annotations.json``. Readers are datumaro (CVAT), label-studio-sdk,
labelme and Ultralytics, those that are installed, best in an environment of their own: nothing of
this package is needed. Prints a line each: points read, largest distance in pixels. Label Studio's
COCO export rounds to whole pixels.

Examples:
    pip install datumaro label-studio-sdk labelme ultralytics
    python benchmarks/annotation_readers.py LABELS IMAGES
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

Poses = dict[str, dict[str, tuple[float, float]]]
"""Of each image, by its name, x and y of each keypoint that is there, by its name."""


def ours(labels: Path) -> Poses:
    """Of ``annotations.json``, which has one object an image."""
    content = json.loads((labels / 'annotations.json').read_text())
    names = content['categories'][0]['keypoints']
    files = {image['id']: image['file_name'] for image in content['images']}
    return {
        files[each['image_id']]: named(names, each['keypoints']) for each in content['annotations']
    }


def named(names: Sequence[str], keypoints: Sequence[float]) -> dict[str, tuple[float, float]]:
    """Keypoints x, y, visibility, one after the other, as a pose."""
    points = np.reshape(keypoints, (-1, 3)).tolist()
    return {name: (x, y) for name, (x, y, seen) in zip(names, points, strict=True) if seen}


def datumaro(labels: Path, images: Path) -> Poses:
    """CVAT's XML."""
    import datumaro as dm

    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(labels / 'cvat.xml', folder)
        Path(folder, 'images').symlink_to(images.resolve())
        dataset = dm.Dataset.import_from(folder, 'cvat')
        kinds = [label.name for label in dataset.categories()[dm.AnnotationType.label].items]
        suffixes = {path.stem: path.suffix for path in images.iterdir()}
        return {
            item.id + suffixes[item.id]: {
                kinds[each.label]: tuple(each.points)
                for each in item.annotations
                if isinstance(each, dm.Points)
            }
            for item in dataset
        }


def label_studio_sdk(labels: Path, images: Path) -> Poses:
    """The labeling interface and each prediction are checked, then exported as COCO."""
    from label_studio_sdk.converter import Converter
    from label_studio_sdk.label_interface import LabelInterface

    text = (labels / 'label_studio.config.xml').read_text()
    interface = LabelInterface(text)
    interface.validate()
    tasks = json.loads((labels / 'label_studio.json').read_text())
    for number, task in enumerate(tasks):
        (prediction,) = task.pop('predictions')
        if errors := interface.validate_prediction(prediction, return_errors=True):
            raise ValueError(f'label_studio.json: task {number}: {errors[0]}')
        task.update(id=number, annotations=[dict(prediction, id=1, completed_by=1)])
    with tempfile.TemporaryDirectory() as folder:
        given, out = Path(folder, 'in'), Path(folder, 'out')
        given.mkdir()
        (given / 'tasks.json').write_text(json.dumps(tasks))
        converter = Converter(text, project_dir=None, download_resources=False)
        converter.convert_to_coco(
            str(given), str(out), output_image_dir=str(out / 'images'), is_dir=True
        )
        content = json.loads((out / 'result.json').read_text())
    (names,) = [each['keypoints'] for each in content['categories'] if 'keypoints' in each]
    files = {image['id']: Path(image['file_name']).name for image in content['images']}
    return {
        files[each['image_id']]: named(names, each['keypoints'])
        for each in content['annotations']
        if 'keypoints' in each
    }


def labelme(labels: Path, images: Path) -> Poses:
    """A file an image, which it reads with its image."""
    from labelme._label_file import LabelFile

    poses = {}
    with tempfile.TemporaryDirectory() as folder:
        for path in (labels / 'labelme').glob('*.json'):
            image = json.loads(path.read_text())['imagePath']
            shutil.copy(images / image, folder)
            file = LabelFile(shutil.copy(path, folder))
            poses[image] = {
                shape['label']: tuple(shape['points'][0])
                for shape in file.shapes
                if shape['shape_type'] == 'point'
            }
    return poses


def ultralytics(labels: Path, images: Path) -> Poses:
    """The data set of a training."""
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        shutil.copytree(labels / 'yolo', folder, dirs_exist_ok=True)
        shutil.copytree(images, folder / 'images', dirs_exist_ok=True)
        data = check_det_dataset(str(folder / 'data.yaml'), autodownload=False)
        dataset = YOLODataset(img_path=data['train'], data=data, task='pose', augment=False)
        poses = {}
        for label in dataset.labels:
            for keypoints in label['keypoints']:
                points = keypoints * np.array([*label['shape'][::-1], 1])
                poses[Path(label['im_file']).name] = named(data['kpt_names'][0], points)
        return poses


READERS: tuple[Callable[[Path, Path], Poses], ...] = (
    datumaro,
    label_studio_sdk,
    labelme,
    ultralytics,
)


def compare(found: Poses, expected: Poses) -> tuple[int, float]:
    """How many points there are, and the largest distance in pixels along an axis.

    Raises:
        ValueError: If an image or a keypoint is missing, or there is one too many.
    """
    if found.keys() != expected.keys():
        raise ValueError(f'other images: {sorted(found.keys() ^ expected.keys())[:3]}')
    number, largest = 0, 0.0
    for file, pose in expected.items():
        if found[file].keys() != pose.keys():
            raise ValueError(f'{file}: other keypoints: {sorted(found[file].keys() ^ pose.keys())}')
        for name, place in pose.items():
            number += 1
            largest = max(largest, float(np.abs(np.subtract(found[file][name], place)).max()))
    return number, largest


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('labels', type=Path)
    parser.add_argument('images', type=Path)
    args = parser.parse_args(argv)
    expected = ours(args.labels)
    for read in READERS:
        try:
            number, largest = compare(read(args.labels, args.images), expected)
        except ImportError as error:
            print(f'{read.__name__}: left out, {error}')
            continue
        print(f'{read.__name__}: {number} points, largest distance {largest:.2g} px')


if __name__ == '__main__':
    main()
