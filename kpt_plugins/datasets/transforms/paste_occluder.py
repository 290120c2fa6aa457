"""Occluders in front of an object, as much of it as a level of a benchmark asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmpose.registry import TRANSFORMS
from mmpose.structures.bbox import bbox_xyxy2cs
from xtcocotools import mask as coco_mask

from kpt_plugins.datasets.occluder_cutouts import CutoutFolder, paste, procedural_cutouts
from kpt_plugins.datasets.occluder_layout import Placement, plan_layout

LEVELS = {
    1: ((0.2, 0.4), (0.0, 0.2)),
    2: ((0.4, 0.6), (0.2, 0.4)),
    3: ((0.6, 0.8), (0.4, 0.6)),
}
"""Covered share of the object and of the background at each level."""

_PADDING = 1.25
_PLAN_SIZE = 96
_ATTEMPTS = 6


@TRANSFORMS.register_module()
class PasteOccluder(BaseTransform):
    """Paste occluders over an object until a given share of it is hidden. For test pipelines.

    Levels are the diagonal of OccludedPASCAL3D+ (Wang et al., CVPR 2020), L0 to L3:

    =====  ===============  ==========================
    level  object hidden    background around it hidden
    =====  ===============  ==========================
    0      nothing          nothing
    1      20 to 40 %       0 to 20 %
    2      40 to 60 %       20 to 40 %
    3      60 to 80 %       40 to 60 %
    =====  ===============  ==========================

    The object is its segmentation where the record has one, else its box; the background is the
    rest of the crop, the box times 1.25 within the image. An object of so few pixels that a share
    cannot be met gets the nearest one found. The occluders depend on the seed, the level and the
    record (its image's id, or else the file's name, and its own id) alone, not on workers or order.

    It works on the whole image and belongs right after the image is loaded. Required keys: ``img``
    (H, W, 3), ``bbox`` (1, 4), ``keypoints`` (N, K, 2). Modified: ``img``, in a copy. Added, to be
    passed on in ``meta_keys`` of ``PackPoseInputs``:

    - ``keypoints_occluded``, bool (N, K): the keypoint's pixel lies under an occluder; False
      outside the image. Marks that the record has already (of a set with real occlusion) stay.
      ``keypoints_visible`` stays as annotated.
    - ``occlusion_level``, int: the level; at level 0 what the record says, if it does.
    - ``object_occluded``, ``background_occluded``, floats: shares that the occluders hide, NaN for
      the background where there is none.

    Args:
        level: 0, 1, 2 or 3.
        occluders: folder of RGBA cut-outs (:class:`CutoutFolder`), or None for procedural ones:
            blobs, polygons and bars with various textures.
        seed: other seeds give other occluders in other places.

    Raises:
        FileNotFoundError, ValueError: for a folder without images or an image without alpha, and
            for wrong arguments.
        ValueError: for a record whose box lies outside the image, whose segmentation cannot be
            read, or that was flipped or cropped before.

    Examples:
        >>> pipeline = [dict(type='LoadImage'), dict(type='PasteOccluder', level=2), ...]
    """

    def __init__(self, level: int = 1, occluders: str | Path | None = None, seed: int = 0) -> None:
        if isinstance(level, bool) or level not in (0, *LEVELS):
            raise ValueError(f'level={level!r}: expected 0, 1, 2 or 3')
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ValueError(f'seed={seed!r}: expected an integer of at least 0')
        self.level = int(level)
        self.occluders = occluders
        self.seed = int(seed)
        self._cutouts = None if occluders is None else CutoutFolder(occluders)

    def transform(self, results: dict) -> dict:
        """Hide a part of the object and mark its hidden keypoints."""
        hidden = np.zeros(results['keypoints'].shape[:2], dtype=bool)
        hidden |= np.asarray(results.get('keypoints_occluded', False))
        if self.level:
            image, covered, shares = self._occlude(results)
            results['img'] = image
            hidden |= _under(covered, results['keypoints'])
            results['occlusion_level'] = self.level
            results['object_occluded'], results['background_occluded'] = shares
        # What a record of occluded images says of itself stays.
        results.setdefault('occlusion_level', 0)
        for key in ('object_occluded', 'background_occluded'):
            results.setdefault(key, 0.0)
        results['keypoints_occluded'] = hidden
        return results

    def _occlude(self, results: dict) -> tuple[np.ndarray, np.ndarray, tuple[float, float]]:
        """The image with occluders, bool (H, W) where they are, and the shares they hide."""
        where = _where(results)
        made = [key for key in ('flip', 'transformed_keypoints') if results.get(key) is not None]
        if made:
            raise ValueError(
                f'PasteOccluder: {where}: the image was flipped or cropped before ({made[0]} is '
                f'there); it belongs right after the image is loaded'
            )
        image = results['img']
        if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3:
            shape = getattr(image, 'shape', type(image).__name__)
            raise ValueError(f'PasteOccluder: {where}: expected an image (H, W, 3), got {shape}')
        regions = _regions(results, image.shape[:2], where)
        best, least = None, np.inf
        for attempt in range(_ATTEMPTS):
            layout = self._plan(_generator(self.seed, self.level, results, attempt), regions)
            covered = np.zeros(image.shape[:2], dtype=bool)
            drawn = image.copy()
            for placement in layout:
                paste(drawn, covered, self._pictures[placement.index], placement.matrix)
            shares = _covered_shares(covered, regions)
            miss = _miss(shares, LEVELS[self.level])
            if miss < least:
                best, least = (drawn, covered, shares), miss
            if miss == 0:
                break
        return best

    def _plan(self, rng: np.random.Generator, regions: _Regions) -> list[Placement]:
        """A layout planned on a coarse grid, in pixels of the image."""
        (x0, y0, x1, y1), inside = regions
        factor = min(1.0, _PLAN_SIZE / max(x1 - x0, y1 - y0))
        size = [max(1, round(length * factor)) for length in (x1 - x0, y1 - y0)]
        objects = cv2.resize(inside.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        plan = plan_layout(rng, self._pictures, (objects, 1 - objects), LEVELS[self.level])
        ratio = np.array([(x1 - x0) / size[0], (y1 - y0) / size[1]])
        # A pixel of the plan covers ratio pixels; both grids count from the centre of the first.
        first = np.array([x0, y0]) + ratio / 2 - 0.5
        return [
            Placement(item.index, ratio[:, None] * item.matrix + np.outer(first, (0, 0, 1)))
            for item in plan
        ]

    @property
    def _pictures(self) -> Sequence[np.ndarray]:
        return procedural_cutouts(self.seed) if self._cutouts is None else self._cutouts

    def __repr__(self) -> str:
        return f'PasteOccluder(level={self.level}, occluders={self.occluders!r}, seed={self.seed})'


_Regions = tuple[tuple[int, int, int, int], np.ndarray]
"""Window x0, y0, x1, y1 of the crop in the image, and bool (y1 - y0, x1 - x0): the object in it."""


def _regions(results: dict, shape: tuple[int, int], where: str) -> _Regions:
    height, width = shape
    box = np.asarray(results['bbox'], dtype=np.float64)
    if box.shape != (1, 4):
        raise ValueError(
            f'PasteOccluder: {where}: expected one box (1, 4), as a top-down dataset has, got '
            f'{box.shape}'
        )
    center, scale = bbox_xyxy2cs(box, padding=_PADDING)
    x0, y0, x1, y1 = _pixels(np.concatenate([center - scale / 2, center + scale / 2], 1)[0], shape)
    left, top, right, bottom = _pixels(box[0], shape)
    inside = np.zeros(shape, dtype=bool)
    segmentation = results.get('segmentation')
    if segmentation is not None and len(segmentation):
        inside |= _decode(segmentation, height, width, where)
        # What is outside the crop (of a loose polygon) is nothing that a detector sees.
        inside[:y0], inside[y1:], inside[:, :x0], inside[:, x1:] = False, False, False, False
    if not inside.any():
        inside[top:bottom, left:right] = True
    if not inside.any():
        raise ValueError(
            f'PasteOccluder: {where}: box {box[0].tolist()} (x1, y1, x2, y2) has no pixel inside '
            f'the image of {width} x {height}'
        )
    return (x0, y0, x1, y1), inside[y0:y1, x0:x1]


def _pixels(box: np.ndarray, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    """Pixels x0 to x1 - 1, y0 to y1 - 1 of the image that lie in a box, at least one a side."""
    limits = np.array(shape[::-1])
    low = np.ceil(box[:2] - 1e-6)
    high = np.maximum(np.floor(box[2:] + 1e-6) + 1, low + 1)
    low, high = np.clip(low, 0, limits), np.clip(high, 0, limits)
    return (*low.astype(int).tolist(), *high.astype(int).tolist())


def _decode(segmentation: list | dict, height: int, width: int, where: str) -> np.ndarray:
    """bool (height, width) of polygons or a run-length code in COCO's format."""
    try:
        code = segmentation
        if isinstance(code, list):
            code = coco_mask.merge(coco_mask.frPyObjects(code, height, width))
        elif isinstance(code['counts'], list):
            code = coco_mask.frPyObjects(code, height, width)
        mask = coco_mask.decode(code).astype(bool)
    except Exception as error:  # the C extension raises bare Exceptions too
        raise ValueError(
            f'PasteOccluder: {where}: the segmentation is neither polygons nor a run-length code '
            f'in the format of COCO: {error}'
        ) from error
    if mask.shape != (height, width):
        raise ValueError(
            f'PasteOccluder: {where}: the segmentation is {mask.shape[1]} x {mask.shape[0]} '
            f'pixels, the image {width} x {height}'
        )
    return mask


def _generator(seed: int, level: int, results: dict, attempt: int) -> np.random.Generator:
    """Its stream depends on the record, not on the process that reads it."""
    image = results.get('img_id')
    image = Path(str(results.get('img_path'))).name if image is None else image
    key = f'{seed}/{level}/{image}/{results.get("id")}/{attempt}'
    return np.random.default_rng(list(hashlib.blake2b(key.encode(), digest_size=16).digest()))


def _covered_shares(covered: np.ndarray, regions: _Regions) -> tuple[float, float]:
    (x0, y0, x1, y1), inside = regions
    window = covered[y0:y1, x0:x1]
    around = window[~inside]
    return float(window[inside].mean()), float(around.mean()) if around.size else float('nan')


def _miss(shares: tuple[float, float], goals: tuple[tuple[float, float], ...]) -> float:
    """By how much shares lie outside their intervals; one that is not defined does not."""
    outside = [
        max(low - share, share - high, 0.0)
        for share, (low, high) in zip(shares, goals, strict=True)
        if not np.isnan(share)
    ]
    return sum(outside)


def _under(covered: np.ndarray, keypoints: np.ndarray) -> np.ndarray:
    """bool (N, K): the pixel of a keypoint (N, K, 2) is covered."""
    height, width = covered.shape
    with np.errstate(invalid='ignore'):
        x, y = np.moveaxis(np.floor(np.nan_to_num(keypoints[..., :2], nan=-1) + 0.5), -1, 0)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    x, y = np.where(inside, x, 0).astype(int), np.where(inside, y, 0).astype(int)
    return inside & covered[y, x]


def _where(results: dict) -> str:
    return f'{results.get("img_path", "image")}, instance {results.get("id", "without id")}'
