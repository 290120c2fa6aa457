"""The instances of each category, divided into those to train on and those to test on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kpt_plugins.datasets.base_novel_classes import (
    CategoryGroup,
    choose_classes,
    find_class,
    group_categories,
)
from kpt_plugins.datasets.image_split import split_images

Classes = Sequence[int | str]


@dataclass(frozen=True, eq=False)
class CategoryPool:
    """The instances of one category.

    Attributes:
        group: The category.
        is_base: Whether it is a base category.
        train, test: Addresses (dataset, record) of the instances to train on and to test on.
        keypoint_names: K names, none where nothing is annotated.
        skeleton: Links between keypoints, zero-based.
    """

    group: CategoryGroup
    is_base: bool
    train: list[tuple[int, int]]
    test: list[tuple[int, int]]
    keypoint_names: tuple[str, ...]
    skeleton: tuple[tuple[int, int], ...]


def read_pools(
    datasets: Mapping[int, Any],
    is_base: bool,
    wanted: Classes | None,
    unwanted: Classes,
    merge_classes: Mapping[str, Classes],
    train_ratio: float,
    split_seed: int,
) -> list[CategoryPool]:
    """The chosen categories of some record datasets, in the order of their files.

    Args:
        datasets: The record datasets, by the number that addresses them.
        is_base: Whether these are base categories.
        wanted: Names or ids of the categories; None for all but `unwanted`.
        unwanted: Names or ids that None leaves out.
        merge_classes: Names or ids of the categories that become one, by its name.
        train_ratio: Share of the images of each category of each dataset to train on; an image is
            never in both parts.
        split_seed: Seed of the division.

    Raises:
        ValueError: If a name or id is not there, or merged categories do not fit.
    """
    categories: dict[int, Any] = {}
    train: dict[int, list] = {}
    test: dict[int, list] = {}
    for number, dataset in datasets.items():
        for category_id, category in dataset.categories.items():
            categories.setdefault(category_id, category)
            parts = _divide(dataset, category_id, train_ratio, split_seed)
            for addresses, part in zip((train, test), parts, strict=True):
                addresses.setdefault(category_id, []).extend((number, i) for i in part)
    groups = group_categories(categories, merge_classes)
    if wanted is None:
        gone = {i for item in unwanted for i in find_class(groups, item, 'novel_classes')}
        groups = {i: group for i, group in groups.items() if i not in gone}
    field = 'base_classes' if is_base else 'novel_classes'
    return [
        CategoryPool(
            group,
            is_base,
            [address for i in group.members for address in train[i]],
            [address for i in group.members for address in test[i]],
            tuple(categories[group.id].keypoint_names),
            tuple((int(a), int(b)) for a, b in categories[group.id].skeleton),
        )
        for group in choose_classes(groups, wanted, field).values()
    ]


def refuse_overlap(base: Sequence[CategoryPool], novel: Sequence[CategoryPool]) -> None:
    """Raise ValueError if a category of the file is in both."""
    groups = {i: pool.group for pool in base for i in pool.group.members}
    both = [
        f'{i} ({groups[i].name} in base, {pool.group.name} in novel)'
        for pool in novel
        for i in pool.group.members
        if i in groups
    ]
    if both:
        raise ValueError(
            f'base and novel categories overlap, by id: {"; ".join(both)}. Expected disjoint '
            f'base_classes and novel_classes; two annotation files need different ids.'
        )


def refuse_unseen(datasets: Mapping[int, Any], unwanted: Collection[int | str]) -> None:
    """Raise ValueError if record datasets left out categories since they show no keypoint.

    Args:
        datasets: Of base categories, by the number that addresses them.
        unwanted: Names and ids of categories that need none.
    """
    unseen = [
        f'{category_id} ({name})'
        for dataset in datasets.values()
        for category_id, name in getattr(dataset, 'unlabelled', {}).items()
        if category_id not in unwanted and name not in unwanted
    ]
    if unseen:
        raise ValueError(
            f'base categories {", ".join(unseen)} have no labels: none of their instances has a '
            f'visible keypoint. Unlabelled categories belong to novel; to leave them out, give '
            f'base_classes'
        )


def refuse_unlabelled(pools: Sequence[CategoryPool], max_keypoints: int | None) -> None:
    """Raise ValueError if a category has no keypoints, or more than there are prompts."""
    for pool in pools:
        name = f'{pool.group.id} ({pool.group.name})'
        if pool.group.num_keypoints == 0:
            raise ValueError(
                f'base category {name} has no labels, expected annotated keypoints; unlabelled '
                f'categories belong to novel'
            )
        if max_keypoints is not None and pool.group.num_keypoints > max_keypoints:
            raise ValueError(
                f'category {name} has {pool.group.num_keypoints} keypoints, more than the '
                f'{max_keypoints} prompts; raise model.head.num_prompts and max_keypoints of the '
                f'datasets, or leave the category out of base_classes'
            )


def refuse_single(pools: Sequence[CategoryPool], kind: str) -> None:
    """Raise ValueError if a category has no two instances to train on."""
    single = [
        f'{pool.group.id} ({pool.group.name}): {len(pool.train)} of '
        f'{len(pool.train) + len(pool.test)}'
        for pool in pools
        if len(pool.train) < 2
    ]
    if single:
        raise ValueError(
            f'a pair needs two training instances of its category, but there are, by {kind} '
            f'category id: {"; ".join(single)}. Raise {kind}_train_ratio, add images, or leave the '
            f'category out of {kind}_classes.'
        )


def _divide(dataset: Any, category_id: int, share: float, seed: int) -> tuple[list, list]:
    """Record indices to train on and to test on."""
    indices = [int(i) for i in dataset.indices_of(category_id)]
    images = {i: dataset.get_data_info(i)['img_id'] for i in indices}
    chosen = set(split_images(list(images.values()), (share, 1 - share), seed)[0])
    parts: tuple[list, list] = ([], [])
    for i in indices:
        parts[images[i] not in chosen].append(i)
    return parts
