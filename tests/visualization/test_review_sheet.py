"""The review sheet: order, limits, and names that try to be more than text."""

import base64
import hashlib
import re

import cv2
import numpy as np
import pytest

from kpt_plugins.visualization import review_sheet as module
from kpt_plugins.visualization.review_sheet import ReviewCard, review_sheet, thumbnail


def card(name, score, keypoints=(('nose', 0.5),)):
    return ReviewCard(name, score, keypoints, b'jpeg')


def test_least_sure_first_and_least_sure_keypoints():
    keypoints = [('nose', 0.9), ('tail', 0.1), ('ear', 0.4), ('eye', 0.3)]
    page = review_sheet('Cats', [card('a', 0.8, keypoints), card('b', 0.2), card('c', 0.5)])
    assert re.findall(r'data-score="([\d.]+)"', page) == ['0.2000', '0.5000', '0.8000']
    assert 'data-scores="0.2000 0.5000 0.8000"' in page
    assert 'least sure: tail 0.10, eye 0.30, ear 0.40<' in page
    assert '<tr><td>nose</td><td>0.63</td></tr>' in page  # (0.9 + 0.5 + 0.5) / 3


def test_of_many_the_worst_are_shown(monkeypatch):
    monkeypatch.setattr(module, 'MOST_CARDS', 2)
    page = review_sheet('Cats', [card(f'n{i}', i / 10) for i in range(5)])
    assert re.findall(r'alt="Keypoints in (\w+)"', page) == ['n0', 'n1']
    assert 'the 2 least sure of 5' in page
    assert 'data-scores="0.0000 0.1000 0.2000 0.3000 0.4000"' in page


def test_names_stay_text():
    evil = '"><script>alert(1)</script>\'&'
    page = review_sheet(evil, [card(evil, 0.5, [(evil, 0.5)])], [evil])
    assert page.count('<script>') == 1 and 'alert(1)</script>' not in page
    assert page.count('&lt;script&gt;') == 7  # title twice, image twice, keypoint twice, failure


def test_nothing_is_loaded_and_only_its_own_script_runs():
    page = review_sheet('Cats', [card('a', 0.5)])
    assert not re.search(r'(src|href|action)="(?!data:)', page) and 'url(' not in page
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none'; img-src data:;")
    for tag in ('script', 'style'):
        text = re.search(f'<{tag}>(.*?)</{tag}>', page, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_without_objects():
    assert 'data-scores=""' in review_sheet('Cats', [])


@pytest.mark.parametrize('box', [(10, 20, 110, 70), (-50, -50, 30, 30), (0, 0, 400, 300)])
def test_thumbnails(box):
    drawing = np.zeros((300, 400, 3), np.uint8)
    jpeg = thumbnail(drawing, np.float32(box), np.float32([[5, 5]]))
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert max(image.shape[:2]) == 300


def test_thumbnail_shows_box_and_keypoints_and_no_more():
    drawing = np.zeros((300, 400, 3), np.uint8)
    drawing[100:200, 100:200] = 255
    jpeg = thumbnail(drawing, np.float32([110, 110, 150, 190]), np.float32([[190, 150]]))
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (300, 300, 3) and image.min() > 250
