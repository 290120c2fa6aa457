"""The page as it is served, and the browser that looks at it."""

import os

import cv2
import pytest

from kpt_plugins.apis.few_shot_inferencer import FewShotInferencer
from kpt_plugins.web import server
from tests.tiny_matcher import draw_object, write_matcher

LIMIT = 2_000_000


@pytest.fixture(scope='session')
def url(tmp_path_factory):
    """Address of the page, which takes uploads of up to LIMIT bytes."""
    pytest.importorskip('gradio')
    weights = write_matcher(tmp_path_factory.mktemp('weights') / 'matcher.pth')
    inferencer = FewShotInferencer(weights=weights, device='cpu')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, 'MAX_VIDEO_BYTES', LIMIT)
        with server.serve(inferencer, '127.0.0.1', None) as url:
            cache = os.environ['GRADIO_TEMP_DIR']
            yield url
        assert not os.path.exists(os.path.dirname(cache))


@pytest.fixture(scope='session')
def chromium(url):
    sync_api = pytest.importorskip('playwright.sync_api')
    from tests.web.browser import CHROMIUM

    with sync_api.sync_playwright() as playwright:
        options = ['--no-sandbox', '--disable-dev-shm-usage']
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope='session')
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp('photos')
    paths = []
    for number, shift in enumerate([(0, 0), (24, 12), (-16, 8)]):
        paths.append(folder / f'photo_{number}.png')
        cv2.imwrite(str(paths[-1]), draw_object(shift))
    return paths
