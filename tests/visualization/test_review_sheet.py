"""The review sheet: order, limits, and names that try to be more than text."""

import base64
import hashlib
import re
import shutil

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


def test_the_filter_in_a_browser(tmp_path):
    """Moved, it counts and hides; nothing is asked from elsewhere, and the policy stops nothing."""
    playwright = pytest.importorskip('playwright.sync_api')
    chromium = shutil.which('chromium')
    if chromium is None:
        pytest.skip('there is no chromium')
    evil = '<img src=x onerror="document.title=1">'
    cards = [card(f'{evil}{i}', i / 10) for i in range(5)]
    (tmp_path / 'sheet.html').write_text(review_sheet('Cats', cards))
    seen = []
    with playwright.sync_playwright() as process:
        browser = process.chromium.launch(executable_path=chromium, args=['--no-sandbox'])
        page = browser.new_page()
        page.on('console', lambda message: seen.append(message.text))
        page.on('request', lambda request: seen.append(request.url))
        page.goto(f'file://{tmp_path}/sheet.html')
        page.locator('input[name=least]').fill('0.2')
        assert page.locator('#value').inner_text() == '0.20'
        assert '3 of 5' in page.locator('#count').inner_text()
        assert '--min-score 0.20' in page.locator('#count').inner_text()
        shown = {}
        for which in ('below', 'accepted', 'all'):
            page.select_option('select', which)
            shown[which] = page.locator('article:visible').count()
        assert shown == dict(below=2, accepted=3, all=5)
        assert page.locator('article.below').count() == 2 and page.title() == 'Cats'
        assert evil in page.locator('article').first.inner_text()
        browser.close()
    assert [text for text in seen if not text.startswith(('file://', 'data:'))] == []
