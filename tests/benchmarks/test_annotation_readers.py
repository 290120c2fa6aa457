"""Other tools' readers against ours: what is compared, and that a missing tool is left out."""

import json

import pytest

from tests.helpers import coco_file

from .loading import load_benchmark

readers = load_benchmark('annotation_readers')


@pytest.fixture
def labels(tmp_path):
    content = coco_file()
    content['annotations'][0]['keypoints'][2] = 0
    (tmp_path / 'annotations.json').write_text(json.dumps(content))
    return tmp_path


def test_ours_has_the_keypoints_that_are_there(labels):
    found = readers.ours(labels)
    assert [list(pose) for pose in found.values()] == [['p1', 'p2'], ['p0', 'p1', 'p2']]
    assert list(found) == ['0.png', '1.png']
    keypoints = json.loads((labels / 'annotations.json').read_text())['annotations'][1]['keypoints']
    assert found['1.png']['p2'] == tuple(keypoints[6:8])


def test_every_difference_is_found():
    ours = {'a': dict(x=(1.0, 2.0), y=(3.0, 4.0)), 'b': dict(x=(5.0, 6.0))}
    moved = {'a': dict(x=(1.0, 2.5), y=(3.0, 4.0)), 'b': dict(x=(5.25, 6.0))}
    assert readers.compare(ours, ours) == (3, 0)
    assert readers.compare(moved, ours) == (3, 0.5)
    with pytest.raises(ValueError, match='other images'):
        readers.compare({'a': ours['a']}, ours)
    for wrong in (dict(x=(1.0, 2.0)), dict(ours['a'], z=(0.0, 0.0))):
        with pytest.raises(ValueError, match='a: other keypoints'):
            readers.compare(ours | {'a': wrong}, ours)


def test_a_missing_tool_is_left_out(labels, monkeypatch, capsys):
    def missing(labels, images):
        raise ImportError('no such tool')

    def same(labels, images):
        return readers.ours(labels)

    monkeypatch.setattr(readers, 'READERS', (missing, same))
    readers.main([str(labels), str(labels)])
    assert capsys.readouterr().out == (
        'missing: left out, no such tool\nsame: 5 points, largest distance 0 px\n'
    )
