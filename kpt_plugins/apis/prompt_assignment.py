"""Names for a weak-shot model's prompts, from a few annotated images of a category."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from kpt_plugins.apis.model_loading import predict_items
from kpt_plugins.datasets.category_pair_dataset import CategoryPairDataset
from kpt_plugins.datasets.category_pool import CategoryPool
from kpt_plugins.evaluation.functional import match_prompts, matching_cost
from kpt_plugins.evaluation.metrics.weak_shot_keypoint_metric import prompt_record
from kpt_plugins.evaluation.weak_shot_scores import PromptRecord
from kpt_plugins.models.pose_estimators.weak_shot_pose_estimator import prediction_state_dict


@dataclass(frozen=True)
class CategoryPrompts:
    """Which prompt is which keypoint of a category.

    Attributes:
        category_id, category_name: The category.
        keypoint_names: K names.
        prompts: K prompts, -1 for a keypoint that no annotated image shows.
        distances: K mean distances of prompt and keypoint over the images, as fractions of the
            square root of the box's area: what to expect of each name; NaN without a prompt.
        num_images: Annotated images that it comes from.
        skeleton: Links between keypoints, zero-based, if any are known.
    """

    category_id: int
    category_name: str
    keypoint_names: list[str]
    prompts: list[int]
    distances: list[float]
    num_images: int
    skeleton: list[list[int]] = field(default_factory=list)


def fit_prompt_assignment(
    model: nn.Module,
    dataset: CategoryPairDataset,
    categories: Sequence[int] | None = None,
    roles: Sequence[str] = ('fit',),
    max_images: int | None = None,
    batch_size: int = 16,
) -> list[CategoryPrompts]:
    """Assign prompts to keypoints, category by category (weak-shot, section 4.2).

    Args:
        model: A :class:`WeakShotPoseEstimator` in evaluation mode.
        dataset: Annotated images, with ``test_mode``.
        categories: Ids; by default all of the dataset.
        roles: Images of these roles are used.
        max_images: At most this many of each category.
        batch_size: Images predicted at once.

    Returns:
        One entry a category, in the dataset's order.

    Raises:
        ValueError: If the dataset is for training, has no such category, or a category has no
            annotated image of these roles.
    """
    if not dataset.test_mode:
        raise ValueError('the dataset draws training pairs, expected one with test_mode=True')
    unknown = sorted(set(categories or ()) - set(dataset.pools))
    if unknown:
        raise ValueError(f'categories {unknown}: the dataset has {sorted(dataset.pools)}')
    chosen = defaultdict(list)
    for index, (category_id, role, _) in enumerate(dataset.images):
        if role in roles and (categories is None or category_id in categories):
            chosen[category_id].append(index)
    named = []
    for category_id in categories or dataset.pools:
        records = predict_records(
            model, dataset, chosen[category_id][:max_images], batch_size=batch_size
        )
        records = [record for record in records if record.visible.any()]
        pool = dataset.pools[category_id]
        if not records:
            raise ValueError(
                f'category {category_id} ({pool.group.name}): no annotated image with the role '
                f'{" or ".join(roles)}, expected one or more'
            )
        named.append(_assign(records, pool))
    return named


def predict_records(
    model: nn.Module, dataset: CategoryPairDataset, indices: Sequence[int], batch_size: int = 16
) -> list[PromptRecord]:
    """Predictions and truth of images of a dataset."""
    records = []
    for start in range(0, len(indices), batch_size):
        items = [dataset[index] for index in indices[start : start + batch_size]]
        records += [prompt_record(sample.to_dict()) for sample in predict_items(model, items)]
    return records


def save_assignment(path: str | Path, named: Sequence[CategoryPrompts]) -> None:
    """Write the names as JSON, making the folder."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = [asdict(category) for category in named]
    for category in content:  # NaN is not JSON
        category['distances'] = [None if d != d else d for d in category['distances']]
    path.write_text(json.dumps(dict(categories=content), indent=1))


def load_assignment(path: str | Path) -> list[CategoryPrompts]:
    """Read names that :func:`save_assignment` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is another one.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: there is no such file of prompt names')
    try:
        content = json.loads(path.read_text())['categories']
        named = [CategoryPrompts(**category) for category in content]
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f'{path}: no prompt names, expected what tools/fit_prompt_assignment.py writes '
            f'({type(error).__name__}: {error})'
        ) from error
    for category in named:
        category.distances[:] = [np.nan if d is None else d for d in category.distances]
    return named


def name_prompts(model: nn.Module, named: Sequence[CategoryPrompts]) -> None:
    """Let a model predict named keypoints of these categories; kept in its state dict."""
    model.set_prompt_assignment({category.category_id: category.prompts for category in named})


def names_meta(named: Sequence[CategoryPrompts]) -> dict[str, Any]:
    """What the meta of a checkpoint with names says, and
    :func:`~kpt_plugins.apis.prompt_categories.named_categories` reads: ``named_keypoints``."""
    names = {
        category.category_id: dict(
            name=category.category_name,
            keypoint_names=list(category.keypoint_names),
            skeleton=[list(link) for link in category.skeleton],
        )
        for category in named
    }
    return dict(named_keypoints=names)


def save_named_model(
    path: str | Path,
    model: nn.Module,
    named: Sequence[CategoryPrompts],
    meta: dict[str, Any] | None = None,
    prediction_only: bool = False,
) -> None:
    """Write a checkpoint that predicts named keypoints, with their names in its meta.

    Names that the model and its meta have for other categories stay.

    Args:
        path: Checkpoint file to write.
        model: The model, whose names are set here.
        named: Names of its prompts.
        meta: Meta of the checkpoint it came from.
        prediction_only: Leave out keyness and correspondence. It loads in a model whose config
            has ``keyness=None, correspondence=None, losses=None``.
    """
    known = model.prompt_names
    assignment = {number: known.get(number).tolist() for number in known.categories.tolist()}
    new = {category.category_id: category.prompts for category in named}
    model.set_prompt_assignment(assignment | new)
    meta = meta or {}
    names = {**meta.get('named_keypoints', {}), **names_meta(named)['named_keypoints']}
    state = model.state_dict()
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = dict(
        meta=dict(meta, named_keypoints=names),
        state_dict=prediction_state_dict(state) if prediction_only else state,
    )
    torch.save(content, path)


def _assign(records: Sequence[PromptRecord], pool: CategoryPool) -> CategoryPrompts:
    cost = matching_cost(
        np.stack([record.points for record in records]),
        np.stack([record.keypoints for record in records]),
        np.stack([record.visible for record in records]),
        np.array([np.sqrt(record.area) for record in records]),
    )
    prompts = match_prompts(cost)
    distances = np.where(prompts >= 0, cost[prompts, np.arange(len(prompts))], np.nan)
    return CategoryPrompts(
        records[0].category_id,
        records[0].category_name,
        list(pool.keypoint_names),
        prompts.tolist(),
        distances.tolist(),
        len(records),
        [list(link) for link in pool.skeleton],
    )
