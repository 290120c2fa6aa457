"""What is told of a check, given what it found."""

from __future__ import annotations

import json

import pytest

from kpt_plugins.datasets.annotation_file import ERROR, WARNING, Problem
from kpt_plugins.datasets.check_report import CategoryReport, DatasetReport, format_report


def problem(severity=ERROR, kind='bad', number=0, category_id=1) -> Problem:
    return Problem(severity, kind, f'annotation {number}', 'a message', category_id)


@pytest.fixture
def report() -> DatasetReport:
    report = DatasetReport('a.json', 'images', num_images=3, num_annotations=4)
    category = CategoryReport(id=1, name='cat', instances=3, dropped={'crowd': 1}, num_keypoints=2)
    category.visibility = [1, 1, 6]
    category.image_states.update({'found': 2, 'missing image': 1})
    report.categories = {1: category, 2: CategoryReport(id=2, name='a longer name')}
    report.image_states.update({'found': 2, 'missing image': 1})
    return report


def test_warnings_alone_leave_it_usable(report):
    assert report.ok
    report.add(problem(WARNING))
    assert report.ok and '0 errors, 1 warnings: can be used' in format_report(report)
    report.add(problem(ERROR))
    assert not report.ok and '1 errors, 1 warnings: CANNOT be used' in format_report(report)


def test_problems_of_a_kind_and_category_are_one_group(report):
    report.add(*(problem(WARNING, 'odd', number) for number in range(5)))
    report.add(problem(kind='rare'), problem(kind='often', number=1), problem(kind='often'))
    report.add(problem(kind='often', category_id=2))
    groups = [(g['severity'], g['kind'], g['category_id'], g['count']) for g in report.grouped()]
    assert groups == [
        ('error', 'often', 1, 2),
        ('error', 'rare', 1, 1),
        ('error', 'often', 2, 1),
        ('warning', 'odd', 1, 5),
    ]
    assert report.grouped()[3]['examples'] == [f'annotation {i}: a message' for i in range(3)]
    text = format_report(report)
    assert 'WARNING: odd (5 times)' in text and '... and 2 more' in text
    assert 'ERROR: rare\n' in text


def test_shares_of_visibility():
    assert CategoryReport(1, 'cat', visibility=[1, 1, 6]).visibility_shares() == [
        0.125,
        0.125,
        0.75,
    ]
    assert CategoryReport(1, 'cat').visibility_shares() == [0, 0, 0]


def test_table(report):
    lines = format_report(report).splitlines()
    assert lines[0] == 'a.json: 3 images, 4 annotations'
    header, rule, first, second = (line.split() for line in lines[2:6])
    assert header[:8] == [
        'id',
        'category',
        'instances',
        'dropped',
        'images',
        'missing',
        'broken',
        'size',
    ]
    row = dict(zip(header, first, strict=True))
    assert (row['instances'], row['dropped'], row['images'], row['missing']) == ('3', '1', '2', '1')
    assert (row['K'], row['v=0'], row['v=2']) == ('2', '12.5%', '75.0%')
    assert set(''.join(rule)) == {'-'}
    assert second[:4] == ['2', 'a', 'longer', 'name'] and '-' in second
    # columns are aligned
    assert lines[2].index('category') == lines[4].index('cat') == lines[5].index('a longer')


def test_without_an_image_directory_there_are_no_image_columns(report):
    report.image_dir = None
    report.image_states.clear()
    text = format_report(report)
    assert 'missing' not in text and 'images not checked' in text


def test_as_json(report):
    report.add(problem(), problem(WARNING))
    data = json.loads(json.dumps(report.to_dict()))
    assert (data['ok'], data['errors'], data['warnings']) == (False, 1, 1)
    assert data['images'] == {
        'found': 2, 'missing image': 1, 'undecodable image': 0, 'other image size': 0,
    }  # fmt: skip
    assert data['categories'][0]['visibility_shares'] == [0.125, 0.125, 0.75]
    assert data['categories'][1]['num_keypoints'] is None
