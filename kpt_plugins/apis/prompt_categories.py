"""The categories whose keypoints a weak-shot checkpoint can name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from torch import nn

from kpt_plugins.annotation_formats import KeypointCategory
from kpt_plugins.annotation_formats.conform import unnamed_keypoints


def unnamed_prompts(count: int) -> KeypointCategory:
    """The category of prompts that have no names: ``prompt 0``, ``prompt 1``, and so on."""
    return KeypointCategory('object', [f'prompt {number}' for number in range(count)])


def named_categories(
    model: nn.Module, meta: Mapping[str, Any], where: str
) -> dict[int, KeypointCategory]:
    """Categories by their id, possibly none.

    Args:
        model: A :class:`WeakShotPoseEstimator`, which says which prompts have names.
        meta: Of its checkpoint, where
            :func:`~kpt_plugins.apis.prompt_assignment.save_named_model` leaves ``named_keypoints``.
            A category that is not there is called by its id, its keypoints ``keypoint_0`` and so
            on. Of categories with one name each has its id behind it.
        where: File of the names, for messages.

    Raises:
        ValueError: If the names are malformed, or not as many as the keypoints.
    """
    names = model.prompt_names
    categories = {}
    try:
        records = dict(meta.get('named_keypoints', {}))
        for category_id in names.categories.tolist():
            count = len(names.get(category_id))
            record = dict(records.get(category_id, {}))
            category = KeypointCategory(
                str(record.get('name', category_id)),
                record.get('keypoint_names', unnamed_keypoints(count)),
                record.get('skeleton', []),
            )
            if len(category.keypoint_names) != count:
                raise ValueError(
                    f'category {category.name!r} has {len(category.keypoint_names)} names, '
                    f'expected {count}'
                )
            categories[category_id] = category
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'{where}: the names of the prompts are not what tools/fit_prompt_assignment.py '
            f'writes: {error}'
        ) from error
    counts = Counter(category.name for category in categories.values())
    for category_id, category in categories.items():
        if counts[category.name] > 1:
            category.name = f'{category.name} ({category_id})'
    return categories
