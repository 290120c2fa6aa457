"""The page in a headless Chromium, as a user has it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.tiny_matcher import SIZE

CHROMIUM = shutil.which('chromium')
MARKS = [
    pytest.mark.slow,
    pytest.mark.filterwarnings('ignore:The copy keyword'),  # Gradio's
    pytest.mark.skipif(CHROMIUM is None, reason='chromium is not installed'),
]
"""Of tests that need it."""
expect.set_options(timeout=60_000)


def screenshot(page: Page, name: str) -> None:
    """Keep a picture of the whole page in the folder that KPT_SCREENSHOTS names."""
    if folder := os.environ.get('KPT_SCREENSHOTS'):
        page.wait_for_timeout(300)  # fades end
        page.screenshot(path=Path(folder, f'{name}.png'), full_page=True)


def open_page(browser, url: str, **options) -> Page:
    page = browser.new_page(**options)
    page.set_default_timeout(60_000)
    page.goto(url)
    expect(page.locator('#kpt-prompt')).to_contain_text('Add a photo')
    return page


def add_files(page: Page, where: str, files: list[Path]) -> None:
    page.locator(f'{where} input[type=file]').set_input_files(files)


def add_photo(page: Page, path: Path, count: int) -> None:
    """Add a support, which is the page's `count`-th."""
    add_files(page, '#kpt-photos', [path])
    expect(page.locator('#kpt-photo input')).to_have_count(count)
    expect(page.locator('#kpt-photo input').nth(count - 1)).to_be_checked()
    expect(page.locator('#kpt-picture img')).to_be_visible()


def click_photo(page: Page, place: np.ndarray, where: str = '#kpt-picture') -> None:
    """Click on a place of the photo in its pixels, wherever the page shows it."""
    image = page.locator(f'{where} img')
    box = image.bounding_box()
    scale = box['width'] / SIZE[0], box['height'] / SIZE[1]
    image.click(position=dict(x=place[0] * scale[0], y=place[1] * scale[1]))


def keypoints(page: Page) -> Locator:
    return page.locator('#kpt-keypoints label')


def button(page: Page, name: str) -> Locator:
    return page.get_by_role('button', name=name, exact=True)


def name_keypoint(page: Page, name: str) -> None:
    field = page.locator('#kpt-name').get_by_role('textbox')
    field.fill(name)
    field.press('Enter')
    expect(page.locator('#kpt-keypoints')).to_contain_text(name)


def find(page: Page, files: list[Path]) -> None:
    add_files(page, '#kpt-queries', files)
    expect(page.locator('#kpt-progress')).to_contain_text('Ready')
    button(page, 'Find keypoints').click()
    expect(page.locator('#kpt-progress')).to_contain_text('pictures done')
