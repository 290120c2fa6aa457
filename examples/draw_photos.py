"""Draw the example photos: a beetle that no training set of ours contains, and annotations of some.

Writes ``OUT/annotated``, photos with their keypoints in files beside them, ``OUT/photos``, others
of the same beetle, and ``OUT/truth.json``, a COCO file of where the keypoints of these really are.

Examples:
    python examples/draw_photos.py --out examples/beetle
    python examples/draw_photos.py --out data/beetle --annotated 0 --photos 200 --first 100
    python examples/draw_photos.py --out data/eyes --keypoints left_eye right_eye neck
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from kpt_plugins.synthesis import SyntheticCategory, build_category, render_instance

BEETLE = dict(seed=0, index=51, size=384)
"""One of the novel categories, on which the demo's model is tested and never trained."""
MARGIN = 0.08
"""Around the object, in widths and heights of its box."""


def draw_photo(category: SyntheticCategory, index: int) -> tuple[np.ndarray, np.ndarray]:
    """A photo that the beetle fills: BGR uint8 (h, w, 3); keypoints (K, 3): x, y, visibility."""
    instance = render_instance(category, index)
    x, y, width, height = instance.bbox
    corners = np.array([[x, y], [x + width, y + height]])
    corners += MARGIN * np.array([[-width, -height], [width, height]])
    (left, top), (right, bottom) = corners.round().clip(0, category.size).astype(int)
    seen = instance.keypoints[:, 2:] > 0
    keypoints = instance.keypoints - np.array([left, top, 0]) * seen
    return instance.image[top:bottom, left:right], keypoints.round(1)


def choose(category: SyntheticCategory, names: Sequence[str]) -> tuple[dict, list[int]]:
    """The category as COCO says it, with the keypoints of these names only, and their indices.

    Raises:
        ValueError: For a name that it has not.
    """
    record = {**category.record(), 'id': 1, 'name': 'beetle'}
    if unknown := [name for name in names if name not in record['keypoints']]:
        raise ValueError(
            f'--keypoints {" ".join(unknown)}: choose from {" ".join(record["keypoints"])}'
        )
    indices = [record['keypoints'].index(name) for name in names]
    new = {old: place for place, old in enumerate(indices)}
    pairs = {
        key: [[new[a], new[b]] for a, b in record[key] if a in new and b in new]
        for key in ('skeleton', 'flip_pairs')
    }
    return {**record, **pairs, 'keypoints': list(names)}, indices


def truth(record: dict, photos: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> dict:
    """A COCO file of photos: name, pixels and keypoints of each."""
    images, annotations = [], []
    for number, (name, image, keypoints) in enumerate(photos, 1):
        height, width = image.shape[:2]
        images.append(dict(id=number, file_name=name, width=width, height=height))
        annotation = dict(id=number, image_id=number, category_id=1, iscrowd=0)
        annotation.update(bbox=[0, 0, width, height], area=width * height)
        annotation['num_keypoints'] = int((keypoints[:, 2] > 0).sum())
        annotations.append({**annotation, 'keypoints': keypoints.ravel().tolist()})
    info = dict(description='drawn example photos', skeleton_base=0)
    return dict(info=info, images=images, annotations=annotations, categories=[record])


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--out', type=Path, default=Path('examples/beetle'))
    parser.add_argument('--annotated', type=int, default=3, help='photos with keypoints')
    parser.add_argument('--photos', type=int, default=8, help='photos without')
    parser.add_argument('--first', type=int, default=0, help='number of the first photo')
    category = build_category(**BEETLE)
    parser.add_argument('--keypoints', nargs='+', default=category.blueprint.names, metavar='NAME')
    args = parser.parse_args(argv)
    try:
        record, indices = choose(category, args.keypoints)
    except ValueError as error:
        parser.error(str(error))
    drawn = []
    for number in range(args.annotated + args.photos):
        folder = args.out / ('annotated' if number < args.annotated else 'photos')
        folder.mkdir(parents=True, exist_ok=True)
        image, keypoints = draw_photo(category, args.first + number)
        keypoints = keypoints[indices]
        path = folder / f'beetle_{args.first + number:03d}.jpg'
        cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 90])
        if number >= args.annotated:
            drawn.append((path.name, image, keypoints))
            continue
        told = {key: record[key] for key in ('skeleton', 'flip_pairs')}
        told.update(category='beetle', names=record['keypoints'], keypoints=keypoints.tolist())
        path.with_suffix('.json').write_text(json.dumps(told) + '\n')
    (args.out / 'truth.json').write_text(json.dumps(truth(record, drawn)) + '\n')


if __name__ == '__main__':
    main()
