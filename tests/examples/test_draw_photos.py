"""The example photos are what their script draws, and what the commands take."""

import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from kpt_plugins.apis.support_files import read_supports

EXAMPLES = Path(__file__).parents[2] / 'examples'
BEETLE = EXAMPLES / 'beetle'


@pytest.fixture(scope='module')
def script():
    spec = importlib.util.spec_from_file_location('draw_photos', EXAMPLES / 'draw_photos.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_photos_are_drawn_by_the_script(script, tmp_path):
    script.main(['--out', str(tmp_path)])
    names = sorted(p.relative_to(BEETLE) for p in BEETLE.rglob('*') if p.is_file())
    assert names == sorted(p.relative_to(tmp_path) for p in tmp_path.rglob('*') if p.is_file())
    for name in names:
        old, new = BEETLE / name, tmp_path / name
        if name.suffix == '.json':
            assert json.loads(old.read_text()) == json.loads(new.read_text())
            continue
        old, new = (cv2.imread(str(path)).astype(int) for path in (old, new))
        # other versions of OpenCV may change single pixels
        assert old.shape == new.shape and np.abs(old - new).mean() < 1


def test_the_annotated_ones_are_supports():
    supports = read_supports(BEETLE / 'annotated')
    assert len(supports.supports) == 3
    assert len(supports.category.keypoint_names) == 25
    assert supports.category.keypoint_names[6] == 'abdomen_tip'


def test_chosen_keypoints_and_numbers(script, tmp_path):
    names = ['right_eye', 'head_front', 'left_eye']
    numbers = ['--annotated', '0', '--photos', '2', '--first', '3']
    script.main(['--out', str(tmp_path), *numbers, '--keypoints', *names])
    part = json.loads((tmp_path / 'truth.json').read_text())
    (category,) = part['categories']
    assert category['keypoints'] == names
    assert sorted(map(sorted, category['skeleton'])) == [[0, 1], [1, 2]]
    assert category['flip_pairs'] == [[2, 0]]
    whole = json.loads((BEETLE / 'truth.json').read_text())
    assert [i['file_name'] for i in part['images']] == ['beetle_003.jpg', 'beetle_004.jpg']
    for few, all_of_them in zip(part['annotations'], whole['annotations'][:2], strict=True):
        points = np.reshape(all_of_them['keypoints'], (-1, 3))[[3, 1, 2]]
        np.testing.assert_array_equal(np.reshape(few['keypoints'], (-1, 3)), points)


def test_an_unknown_keypoint(script, capsys):
    with pytest.raises(SystemExit):
        script.main(['--keypoints', 'neck', 'knee'])
    assert '--keypoints knee: choose from neck head_front' in capsys.readouterr().err
