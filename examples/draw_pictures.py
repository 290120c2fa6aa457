"""Draw the pictures of README and tutorials: annotated photos, and what a few-shot model finds.

Examples:
    python examples/draw_pictures.py --weights work_dirs/fmmp_synth/epoch_9.pth
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from kpt_plugins.apis import FewShotInferencer
from kpt_plugins.apis.support_files import read_supports
from kpt_plugins.visualization.instances import draw_instances

ROOT = Path(__file__).resolve().parents[1]
CELL = 220
COLOURS = 64
IN_GIF = 5


def fit(image: np.ndarray) -> np.ndarray:
    """An image in the middle of a white square of ``CELL`` pixels."""
    scale = CELL / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    top, left = ((CELL - side) // 2 for side in small.shape[:2])
    cell = np.full((CELL, CELL, 3), 255, np.uint8)
    cell[top : top + small.shape[0], left : left + small.shape[1]] = small
    return cell


def annotated(support, skeleton: np.ndarray, number: int) -> np.ndarray:
    """A support's photo with its first keypoints and the links between them."""
    shown = (support.keypoints[:, 2] > 0) & (np.arange(len(support.keypoints)) < number)
    points = support.keypoints[:, :2]
    return draw_instances(support.image, [points], [np.ones(len(points))], [shown], skeleton)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--weights', required=True)
    parser.add_argument('--photos', type=Path, default=ROOT / 'examples' / 'beetle')
    parser.add_argument('--out', type=Path, default=ROOT / 'docs' / 'images')
    args = parser.parse_args(argv)
    supports = read_supports(args.photos / 'annotated')
    skeleton = np.array(supports.category.skeleton).reshape(-1, 2)
    inferencer = FewShotInferencer(weights=args.weights)
    inferencer.set_support(str(args.photos / 'annotated'))
    photos = sorted((args.photos / 'photos').glob('*.jpg'))
    found = []
    for path, result in zip(photos, inferencer.predict(list(map(str, photos))), strict=True):
        found.append(fit(result.draw(cv2.imread(str(path)))))
    total = len(supports.category.keypoint_names)
    known = [fit(annotated(support, skeleton, total)) for support in supports.supports]

    cells = [*known, *found]
    width = len(cells) // 2 + len(cells) % 2
    cells += [np.full_like(cells[0], 255)] * (2 * width - len(cells))
    sheet = np.vstack([np.hstack(cells[:width]), np.hstack(cells[width:])])
    cv2.imwrite(str(args.out / 'few_shot_photos.jpg'), sheet)

    plain = [fit(cv2.imread(str(path))) for path in photos[:IN_GIF]]
    clicks = [fit(annotated(supports.supports[0], skeleton, n)) for n in range(0, total + 1, 2)]
    frames = [np.hstack([click, plain[0]]) for click in clicks]
    frames += [
        np.hstack([clicks[-1], cell]) for pair in zip(plain, found, strict=False) for cell in pair
    ]
    times = [200] * len(clicks) + [500, 1300] * len(plain)
    images = [Image.fromarray(frame[..., ::-1]).quantize(COLOURS) for frame in frames]
    images[0].save(
        args.out / 'few_shot_photos.gif',
        save_all=True,
        append_images=images[1:],
        duration=times,
        loop=0,
        optimize=True,
    )


if __name__ == '__main__':
    main()
