"""Which categories are labelled (base) and which are not (novel), by name or id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CategoryGroup:
    """One category as training sees it: one of the file, or several merged into one.

    Attributes:
        id: Its category id, that of its first member.
        name: Its name.
        members: Category ids in the file.
        num_keypoints: K; 0 where nothing is annotated.
    """

    id: int
    name: str
    members: tuple[int, ...]
    num_keypoints: int


def group_categories(
    categories: Mapping[int, Any], merge_classes: Mapping[str, Sequence[int | str]]
) -> dict[int, CategoryGroup]:
    """The categories of a dataset, those of `merge_classes` merged.

    Args:
        categories: Objects with `name` and `num_keypoints` by category id.
        merge_classes: For each new name the names or ids that become one category. Members that
            the dataset lacks are left out, so that all files can share the argument.

    Returns:
        The groups by id, in the order of `categories`.

    Raises:
        ValueError: If a category is in two groups, or if merged ones differ in the number of
            keypoints.
    """
    owner: dict[int, str] = {}
    for name, members in merge_classes.items():
        for member in members:
            for category_id in find_class(categories, member, f'merge_classes[{name!r}]'):
                if owner.setdefault(category_id, name) != name:
                    raise ValueError(
                        f'merge_classes: category {category_id} is in {owner[category_id]!r} and '
                        f'in {name!r}, expected one'
                    )
    members_of: dict[Any, list[int]] = {}
    for category_id in categories:
        members_of.setdefault(owner.get(category_id, category_id), []).append(category_id)
    groups = {}
    for key, members in members_of.items():
        counts = {i: categories[i].num_keypoints for i in members}
        if len(set(counts.values())) > 1:
            raise ValueError(
                f'merge_classes[{key!r}]: the categories have different numbers of keypoints, by '
                f'id: {counts}'
            )
        name = key if isinstance(key, str) else categories[key].name
        groups[members[0]] = CategoryGroup(members[0], name, tuple(members), counts[members[0]])
    return groups


def choose_classes(
    groups: Mapping[int, CategoryGroup], wanted: Sequence[int | str] | None, field: str
) -> dict[int, CategoryGroup]:
    """The groups that a list of names or ids asks for; all for None.

    Raises:
        ValueError: If one is not there; the message names `field` and what there is.
    """
    if wanted is None:
        return dict(groups)
    if isinstance(wanted, (str, int)):
        raise ValueError(f'{field}={wanted!r}: expected a list of category names or ids')
    chosen = {}
    for item in wanted:
        found = find_class(groups, item, field)
        if not found:
            there = ', '.join(f'{i} ({group.name})' for i, group in groups.items())
            raise ValueError(f'{field}: no usable instance of {item!r}; there are {there}')
        chosen[found[0]] = groups[found[0]]
    return {i: group for i, group in groups.items() if i in chosen}


def find_class(categories: Mapping[int, Any], wanted: int | str, field: str) -> list[int]:
    """The id of a category given by name or id, in a list; empty where there is none.

    Raises:
        ValueError: If a name stands for several (MP-100 has two "face"): then the id is needed.
    """
    if not isinstance(wanted, str):
        return [wanted] if wanted in categories else []
    found = [i for i, category in categories.items() if category.name == wanted]
    if len(found) > 1:
        raise ValueError(f'{field}: {wanted!r} is the name of the categories {found}; give an id')
    return found
