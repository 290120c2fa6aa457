from dataclasses import dataclass

import pytest

from kpt_plugins.datasets.base_novel_classes import (
    CategoryGroup,
    choose_classes,
    find_class,
    group_categories,
)


@dataclass
class Named:
    name: str
    num_keypoints: int = 3


FILE = {4: Named('gull'), 7: Named('face', 5), 9: Named('tern'), 2: Named('face', 8)}


def test_groups_keep_the_files_order_and_merge_by_name_and_id():
    groups = group_categories(FILE, {'bird': ['tern', 4, 'wren']})
    assert list(groups.values()) == [
        CategoryGroup(4, 'bird', (4, 9), 3),
        CategoryGroup(7, 'face', (7,), 5),
        CategoryGroup(2, 'face', (2,), 8),
    ]
    assert [group.members for group in group_categories(FILE, {}).values()] == [
        (4,),
        (7,),
        (9,),
        (2,),
    ]


def test_merged_categories_have_the_same_keypoints():
    with pytest.raises(ValueError, match=r"merge_classes\['x'\].*\{4: 3, 7: 5\}"):
        group_categories(FILE, {'x': [4, 7]})


def test_a_category_is_in_one_group():
    with pytest.raises(ValueError, match="category 4 is in 'a' and in 'b'"):
        group_categories(FILE, {'a': [4], 'b': ['gull']})


def test_choose_by_name_and_id():
    groups = group_categories(FILE, {'bird': [4, 9]})
    assert list(choose_classes(groups, [2, 'bird'], 'base_classes')) == [4, 2]
    assert list(choose_classes(groups, None, 'base_classes')) == [4, 7, 2]
    assert choose_classes(groups, [], 'base_classes') == {}


@pytest.mark.parametrize(
    ('wanted', 'message'),
    [
        (['face'], r"base_classes: 'face' is the name of the categories \[7, 2\]; give an id"),
        (['cow'], r"base_classes: no usable instance of 'cow'; there are 4 \(gull\)"),
        ([9, 11], 'base_classes: no usable instance of 11'),
        ('gull', "base_classes='gull': expected a list"),
    ],
)
def test_errors(wanted, message):
    with pytest.raises(ValueError, match=message):
        choose_classes(group_categories(FILE, {}), wanted, 'base_classes')


def test_find_class():
    assert find_class(FILE, 'tern', 'x') == [9]
    assert find_class(FILE, 9, 'x') == [9]
    assert find_class(FILE, 'cow', 'x') == find_class(FILE, 1, 'x') == []
