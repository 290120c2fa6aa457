"""tools/dataset_converters/normalize_mp100.py from the command line."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from kpt_plugins.datasets import mp100_splits
from kpt_plugins.datasets.mp100_dataset import MP100Dataset
from tests.helpers import coco_file, write_json

TOOL = Path(__file__).parents[3] / 'tools' / 'dataset_converters' / 'normalize_mp100.py'


@pytest.fixture(scope='module')
def main():
    spec = importlib.util.spec_from_file_location('normalize_mp100', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


def test_merge_and_split(main, tiny_mp100, tmp_path, capsys, monkeypatch):
    inputs = [
        str(tiny_mp100 / f'annotations/mp100_split1_{s}.json') for s in ('train', 'val', 'test')
    ]
    assert main([*inputs, '-o', str(tmp_path / 'all.json'), '--fill', 'mst']) == 0
    out = capsys.readouterr().out
    assert 'counted from 1: 5:' in out and 'filled in: 6:' in out and 'WITHOUT LINKS' not in out
    assert not list(tmp_path.glob('*.tmp'))

    full = mp100_splits.get_category_ids
    monkeypatch.setattr(mp100_splits, 'get_category_ids', lambda n, s: full(n, s)[:6])
    assert main([str(tmp_path / 'all.json'), '-o', str(tmp_path / 'parts'), '--split', '1']) == 0
    for subset in mp100_splits.SUBSETS:
        arguments = dict(data_root=str(tiny_mp100), serialize_data=False)
        new = MP100Dataset(str(tmp_path / f'parts/mp100_split1_{subset}.json'), **arguments)
        old = MP100Dataset(f'annotations/mp100_split1_{subset}.json', **arguments)
        assert len(new) == len(old) == 120
        for key, category in old.categories.items():
            assert new.categories[key].skeleton.tolist() == category.skeleton.tolist()


def test_report_names_categories_without_links(main, tmp_path, capsys):
    path = write_json(tmp_path / 'a.json', coco_file(4, skeleton=[]))
    assert main([str(path), '-o', str(tmp_path / 'b.json')]) == 0
    assert 'WITHOUT LINKS: 1: 1 thing' in capsys.readouterr().out


def test_skeletons_from_a_file(main, tmp_path):
    path = write_json(tmp_path / 'a.json', coco_file(4, skeleton=[]))
    links = write_json(tmp_path / 'links.json', {'1': [[0, 1], [2, 3]]})
    assert main([str(path), '-o', str(tmp_path / 'b.json'), '--skeletons', str(links)]) == 0
    content = json.loads((tmp_path / 'b.json').read_text())
    assert content['categories'][0]['skeleton'] == [[0, 1], [2, 3]]


@pytest.mark.parametrize(
    'content, message',
    [
        (coco_file(4, skeleton=[[0, 4]]), 'holds both index 0 and index 4'),
        (dict(shapes=[]), 'not a COCO-like annotation file'),
    ],
)
def test_bad_input_writes_nothing(main, tmp_path, capsys, content, message):
    path = write_json(tmp_path / 'a.json', content)
    assert main([str(path), '-o', str(tmp_path / 'b.json')]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'b.json').exists()


def test_split_needs_all_categories(main, tmp_path, capsys):
    path = write_json(tmp_path / 'a.json', coco_file())
    assert main([str(path), '-o', str(tmp_path), '--split', '1']) == 1
    assert 'not in the file' in capsys.readouterr().err
