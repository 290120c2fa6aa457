"""Pictures of episodes: what the supports show, what is true in the query, what was predicted."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from mmpose.structures import PoseDataSample

from kpt_plugins.evaluation.functional import box_normalizer, keypoint_distances, pair_pck

from .keypoints import draw_disc, draw_skeleton
from .panels import add_caption, join_row, put_text, resize_image

PANEL_SIZE = 224


def draw_episode_row(
    supports: Sequence[np.ndarray],
    support_points: np.ndarray,
    support_visible: np.ndarray,
    query: np.ndarray,
    links: np.ndarray,
    target: np.ndarray | None = None,
    target_visible: np.ndarray | None = None,
    pred: np.ndarray | None = None,
    scores: np.ndarray | None = None,
    title: str = '',
    pred_title: str = 'prediction',
    size: int = PANEL_SIZE,
) -> np.ndarray:
    """One row: supports with keypoints and skeleton | query, truth | query, prediction.

    Args:
        supports: S images ``uint8 (H, W, 3)``, BGR.
        support_points: ``array (S, K, 2)`` as fractions of each image, like all points here.
        support_visible: ``bool array (S, K)``.
        query: ``uint8 array (H, W, 3)``, BGR.
        links: ``int array (E, 2)`` skeleton.
        target: ``array (K, 2)``; without it there is no panel of the truth.
        target_visible: ``bool array (K,)``.
        pred: ``array (K, 2)``; without it there is no panel of the prediction. Keypoints that no
            support shows are left out: nobody asked for them.
        scores: ``array (K,)`` confidence in [0, 1], shown by how much a disc is filled.
        title: caption of the first panel, the category.
        pred_title: caption of the prediction.
        size: longer side of a panel in pixels.

    Returns:
        ``uint8 array``, BGR.
    """
    support_visible = np.asarray(support_visible, dtype=bool)
    panels = []
    for number, (image, points, visible) in enumerate(
        zip(supports, support_points, support_visible, strict=True), start=1
    ):
        name = 'support' if len(supports) == 1 else f'support {number}'
        caption = f'{name}: {title}' if number == 1 and title else name
        panels.append(add_caption(_panel(image, points, visible, links, size), caption))
    if target is not None:
        panel = _panel(query, target, target_visible, links, size)
        panels.append(add_caption(panel, 'query: truth'))
    if pred is not None:
        panel = _panel(query, pred, support_visible.any(axis=0), links, size, scores)
        panels.append(add_caption(panel, f'query: {pred_title}'))
    return join_row(panels)


def draw_data_sample(
    inputs: torch.Tensor, sample: PoseDataSample, size: int = PANEL_SIZE
) -> np.ndarray:
    """The row of an item of ``EpisodeDataset``, with its prediction if there is one.

    The caption of the prediction tells the mean confidence and the share of keypoints within a
    tenth of the box (PCK@0.1).

    Args:
        inputs: ``uint8 Tensor (S + 1, 3, H, W)``, BGR, the query last.
        sample: its data sample, on any device.
        size: longer side of a panel in pixels.

    Returns:
        ``uint8 array``, BGR.
    """
    meta = sample.metainfo
    num_keypoints = meta['num_keypoints']
    images = to_images(inputs)
    points = sample.episode.points[:, :num_keypoints].cpu().numpy()
    visible = sample.episode.visible[:, :num_keypoints].cpu().numpy().astype(bool)
    pred = scores = None
    caption = 'prediction'
    if 'pred_instances' in sample:
        in_image = np.asarray(sample.pred_instances.keypoints[0], dtype=np.float64)
        scores = np.asarray(sample.pred_instances.keypoint_scores[0])
        pred = to_crop(in_image, meta['crop_to_image']) / np.asarray(meta['input_size'])
        truth = np.asarray(sample.gt_instances.keypoints[0])
        box = np.asarray(sample.gt_instances.bboxes).reshape(4)
        mask = visible[-1] & visible[:-1].any(axis=0)
        errors = keypoint_distances(in_image, truth) / box_normalizer(box)
        pck = 100 * pair_pck(errors, mask, [0.1])[0]
        sure = scores[mask].mean() if mask.any() else float('nan')
        caption = f'PCK@0.1 {pck:.0f} %, conf. {sure:.2f}'
    return draw_episode_row(
        images[:-1],
        points[:-1],
        visible[:-1],
        images[-1],
        meta['skeleton'],
        points[-1],
        visible[-1],
        pred,
        scores,
        title=meta['category_name'],
        pred_title=caption,
        size=size,
    )


def draw_model_input(
    inputs: torch.Tensor, sample: PoseDataSample, keypoint: int = 0, size: int = PANEL_SIZE
) -> np.ndarray:
    """What the model sees of an episode: padded points as small white dots beside the real ones,
    and on the supports the references of one keypoint, numbered in their order.

    Args:
        inputs: ``uint8 Tensor (S + 1, 3, H, W)``, BGR, the query last.
        sample: its data sample.
        keypoint: index of the keypoint whose references are shown.
        size: longer side of a panel in pixels.

    Returns:
        ``uint8 array``, BGR.
    """
    meta, episode = sample.metainfo, sample.episode
    num_real = meta['num_keypoints']
    keypoint = keypoint % num_real
    panels = []
    for number, image in enumerate(to_images(inputs)):
        points = episode.points[number].cpu().numpy()
        visible = episode.visible[number].cpu().numpy().astype(bool)
        panel = _panel(image, points[:num_real], visible[:num_real], meta['skeleton'], size)
        places = points * panel.shape[1::-1]
        for place in places[num_real:][visible[num_real:]]:
            draw_disc(panel, place, np.array([255, 255, 255]), max(1.0, size / 150))
        if number < len(inputs) - 1:
            references = episode.references[number, keypoint].cpu().numpy()
            _draw_references(panel, places, references)
            caption = f'support {meta["support_ids"][number]}: {meta["category_name"]}'
        else:
            padded = len(points) - num_real
            caption = f'query {meta["id"]}: {num_real} + {padded} points'
        panels.append(add_caption(panel, caption))
    return join_row(panels)


def to_images(inputs: torch.Tensor) -> list[np.ndarray]:
    """Images ``(H, W, 3)`` of a uint8 tensor ``(N, 3, H, W)``."""
    return list(np.ascontiguousarray(inputs.cpu().numpy().transpose(0, 2, 3, 1)))


def to_crop(points: np.ndarray, crop_to_image: np.ndarray) -> np.ndarray:
    """Take points ``(K, 2)`` of the original image into the crop that ``crop_to_image`` (2, 3)
    maps back from."""
    matrix = np.asarray(crop_to_image, dtype=np.float64)
    return np.linalg.solve(matrix[:, :2], (points - matrix[:, 2]).T).T


def _panel(
    image: np.ndarray,
    points: np.ndarray,
    visible: np.ndarray,
    links: np.ndarray,
    size: int,
    scores: np.ndarray | None = None,
) -> np.ndarray:
    image = resize_image(image, size)
    return draw_skeleton(image, points * image.shape[1::-1], visible, links, scores)


def _draw_references(panel: np.ndarray, places: np.ndarray, references: np.ndarray) -> None:
    tips = [tuple(int(v) for v in np.rint(places[index] - 0.5)) for index in references]
    # A small component is filled up with the keypoint itself: draw each reference once.
    for order, index in enumerate(references):
        if index in references[:order]:
            continue
        if order:
            cv2.arrowedLine(panel, tips[0], tips[order], (255, 255, 255), 1, cv2.LINE_AA)
        corner = (tips[order][0] + 4, tips[order][1] - 4)
        put_text(panel, str(order), corner, (255, 255, 255))
