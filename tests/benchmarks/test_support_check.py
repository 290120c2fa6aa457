"""What supports say of the labels beside what is true: on an object that moves."""

import json

import cv2
import numpy as np
import pytest

from tests.helpers import coco_file
from tests.tiny_matcher import BOX, POINTS, draw_object, shifted, write_matcher

from .loading import load_benchmark

check = load_benchmark('support_check')


@pytest.fixture
def data(tmp_path):
    """Six images; in the last three a keypoint is annotated far from where it is."""
    content = coco_file(num_images=6, num_keypoints=len(POINTS), skeleton=[])
    for number, (image, label) in enumerate(
        zip(content['images'], content['annotations'], strict=True)
    ):
        shift = (8 * number, 4 * number)
        cv2.imwrite(str(tmp_path / image['file_name']), draw_object(shift))
        image.update(width=400, height=240)
        points = np.c_[POINTS + shift, np.full(len(POINTS), 2.0)]
        if number > 2:
            points[0, 0] += 60
        x1, y1, x2, y2 = shifted(BOX, shift)
        label.update(keypoints=points.ravel().tolist(), bbox=[x1, y1, x2 - x1, y2 - y1])
    return check.Data('sheep', tmp_path, content, content)


def test_said_and_true(data, tmp_path, monkeypatch):
    def split(self, shots, seed):
        return [check.only(self.train, part) for part in (images[:shots], images[shots:])]

    images = data.train['images']
    monkeypatch.setattr(check.Data, 'split', split)
    monkeypatch.setattr(check.Data, 'load', lambda species, budget: data)
    weights = write_matcher(tmp_path / 'w.pth')
    arguments = ['--weights', weights, '--species', 'sheep', '--shots', 3, '--seeds', 0, 1]
    out = tmp_path / 'out' / 'check'
    check.main([*map(str, [*arguments, '--images', 3, '--out', out])])
    runs = json.loads(out.with_suffix('.json').read_text())['runs']
    first = dict(species='sheep', shots=3, said=1.0, true=0.75, points=12)
    assert runs == [first | dict(seed=0), first | dict(seed=1)]
    page = out.with_suffix('.md').read_text()
    row = '| sheep | 3 | 12 | 100.0 ± 0.0 | 75.0 ± 0.0 | +25.0 ± 0.0 | +25.0 | 2 |'
    assert row in page and '--images 3` makes this page' in page
