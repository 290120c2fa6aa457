"""The whole path in the browser. KPT_SCREENSHOTS names a folder that keeps pictures of it."""

import json
import os
import zipfile

import cv2
import numpy as np
import pytest

from kpt_plugins.apis.support_files import save_supports
from kpt_plugins.apis.support_set import SupportSet
from tests.tiny_matcher import POINTS, SIZE, draw_object

pytest.importorskip('gradio')
pytest.importorskip('playwright.sync_api')

from tests.web import browser as steps  # noqa: E402
from tests.web.browser import button, click_photo, expect, keypoints, screenshot  # noqa: E402

pytestmark = steps.MARKS


def write_video(path):
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, SIZE)
    for step in range(2):
        video.write(draw_object((8 * step, 0)))
    video.release()
    return path


def test_the_whole_path(chromium, url, photos, tmp_path):
    page = steps.open_page(chromium, url, viewport=dict(width=1200, height=900))
    outside = []
    page.on('request', lambda r: None if r.url.startswith(url) else outside.append(r.url))
    screenshot(page, '1_empty')
    steps.add_photo(page, photos[0], 1)
    names = ['left ear', 'right ear', 'right foot', '<img src=x onerror="window.hacked=1">']
    for count, (place, name) in enumerate(zip(POINTS, names, strict=True), 1):
        click_photo(page, place)
        expect(keypoints(page)).to_have_count(count)
        steps.name_keypoint(page, name)
    click_photo(page, [200, 120])
    expect(keypoints(page)).to_have_count(5)
    button(page, 'Undo').click()
    expect(keypoints(page)).to_have_count(4)
    x, y = (page.locator(f'#kpt-{axis} input') for axis in 'xy')
    assert abs(float(x.input_value()) - 90) < 2 and abs(float(y.input_value()) - 180) < 2
    button(page, 'Mark as hidden').click()
    expect(keypoints(page).nth(3)).to_contain_text('(hidden)')
    page.get_by_label('Link two').check()
    for first, second in ((0, 1), (1, 2)):
        click_photo(page, POINTS[first])
        expect(page.locator('#kpt-prompt')).to_contain_text(f'link with {first + 1}')
        click_photo(page, POINTS[second])
        expect(page.locator('#kpt-links')).to_contain_text(f'{names[first]} – {names[second]}')
    screenshot(page, '2_annotated')

    steps.add_photo(page, photos[1], 2)
    for number, place in enumerate(POINTS + (24, 12), 1):
        expect(page.locator('#kpt-prompt')).to_contain_text(f'Click on {number} ')
        click_photo(page, place)
        expect(page.locator('#kpt-photo')).to_contain_text(f'({number} of 4)')
    expect(page.locator('#kpt-prompt')).to_contain_text('next keypoint')
    screenshot(page, '3_second_photo')

    steps.find(page, [photos[1], photos[2], write_video(tmp_path / 'clip.avi')])
    rows = page.locator('.kpt-table tbody tr')
    expect(rows).to_have_count(4)
    expect(page.locator('.kpt-low')).to_have_count(0)
    screenshot(page, '4_found')
    threshold = page.locator('#kpt-threshold input[type=range]')
    before = page.locator('#kpt-result img').get_attribute('src')
    threshold.focus()
    threshold.press('End')
    expect(page.locator('.kpt-low')).to_have_count(4)
    expect(page.locator('#kpt-result img')).not_to_have_attribute('src', before)
    threshold.press('Home')
    page.locator('#kpt-by-side input').check()
    expect(page.locator('.kpt-dot').first).to_have_css('background-color', 'rgb(0, 114, 178)')
    page.locator('#kpt-which input[type=range]').press('End')
    screenshot(page, '5_left_and_right')

    with page.expect_download() as download:
        page.locator('#kpt-coco').click()
    assert download.value.suggested_filename == 'keypoints.json'
    coco = json.loads(download.value.path().read_text())
    assert coco['categories'][0]['keypoints'] == names
    assert coco['categories'][0]['skeleton'] == [[1, 2], [2, 3]]
    assert coco['categories'][0]['flip_pairs'] == [[0, 1]]
    assert [i['file_name'] for i in coco['images']] == [
        'photo_1.png',
        'photo_2.png',
        'clip.avi/000000.jpg',
        'clip.avi/000001.jpg',
    ]
    assert (coco['images'][0]['width'], coco['images'][0]['height']) == SIZE
    found = np.reshape(coco['annotations'][0]['keypoints'], (4, 3))
    # two cells of the map: this photo is a support as well
    assert np.abs(found[:, :2] - POINTS - (24, 12)).max() < 16
    assert page.evaluate('window.hacked') is None and not outside
    page.close()


def test_a_category_is_saved_and_loaded(chromium, url, photos, tmp_path):
    page = steps.open_page(chromium, url)
    steps.add_photo(page, photos[0], 1)
    click_photo(page, POINTS[0])
    expect(keypoints(page)).to_have_count(1)
    steps.name_keypoint(page, '${window.hacked=1} {{nose}}')
    page.get_by_text('Save or load a category').click()
    button(page, 'Save it as a file').click()
    with page.expect_download() as download:
        page.locator('#kpt-category-file').click()
    saved = tmp_path / 'category.zip'
    download.value.save_as(saved)
    assert zipfile.ZipFile(saved).namelist() == ['category.json', 'support_1.png']
    page.reload()
    expect(page.locator('#kpt-prompt')).to_contain_text('Add a photo')
    page.get_by_text('Save or load a category').click()
    (tmp_path / 'bad.zip').write_bytes(b'no archive')
    steps.add_files(page, '#kpt-load', [tmp_path / 'bad.zip'])
    expect(page.get_by_role('alert')).to_contain_text('no saved category')
    screenshot(page, '6_error')
    points = np.random.default_rng(0).uniform(20, 200, (41, 2))
    save_supports(SupportSet.from_arrays(draw_object(), points), tmp_path / 'many')
    with zipfile.ZipFile(tmp_path / 'many.zip', 'w') as archive:
        for file in (tmp_path / 'many').iterdir():
            archive.write(file, file.name)
    steps.add_files(page, '#kpt-load', [tmp_path / 'many.zip'])
    expect(page.get_by_role('alert')).to_contain_text('41 keypoints, at most 40 are possible')
    steps.add_files(page, '#kpt-load', [saved])
    expect(keypoints(page)).to_have_text(['1 ${window.hacked=1} {{nose}}'])
    steps.find(page, [photos[0]])
    expect(page.locator('.kpt-table')).to_contain_text('${window.hacked=1} {{nose}}')
    assert page.evaluate('window.hacked') is None
    page.close()


def test_with_the_keyboard_alone(chromium, url, photos):
    page = steps.open_page(chromium, url, viewport=dict(width=1000, height=800))

    def tab_to(locator):
        for _ in range(60):
            if locator.evaluate('e => e.contains(document.activeElement)'):
                return
            page.keyboard.press('Tab')
        pytest.fail(f'{locator} is not reached by the tab key')

    def drop(where, path):
        choosers = []
        page.once('filechooser', lambda chooser: choosers.append(chooser))
        for _ in range(20):  # while the page is being set up, a key may go unheard
            tab_to(page.locator(f'{where} button'))
            page.keyboard.press('Enter')
            page.wait_for_timeout(500)
            if choosers:
                return choosers[0].set_files(path)
        pytest.fail(f'{where} opens no file chooser')

    drop('#kpt-photos', photos[0])
    expect(page.locator('#kpt-picture img')).to_be_visible()
    tab_to(button(page, 'New keypoint'))
    page.keyboard.press('Enter')
    expect(keypoints(page)).to_have_count(1)
    for axis, value in zip('xy', POINTS[0], strict=True):
        tab_to(page.locator(f'#kpt-{axis}'))
        page.keyboard.type(f'{value:.0f}')
    page.keyboard.press('Enter')
    expect(keypoints(page).first).not_to_contain_text('not placed')
    drop('#kpt-queries', photos[1])
    expect(page.locator('#kpt-progress')).to_contain_text('Ready: photo_1.png')
    tab_to(button(page, 'Find keypoints'))
    page.keyboard.press('Enter')
    expect(page.locator('.kpt-table tbody tr')).to_have_count(1)
    page.close()


def test_on_a_phone(chromium, url, photos):
    page = steps.open_page(chromium, url, viewport=dict(width=375, height=700), has_touch=True)
    steps.add_photo(page, photos[0], 1)
    box = page.locator('#kpt-picture img').bounding_box()
    assert box['width'] > 300
    page.touchscreen.tap(box['x'] + box['width'] * 0.3, box['y'] + box['height'] * 0.25)
    expect(keypoints(page)).to_have_count(1)
    assert page.locator('#kpt-picture img').bounding_box() == box  # it stays under the finger
    steps.find(page, [photos[1]])
    expect(page.locator('.kpt-table tbody tr')).to_have_count(1)
    assert page.evaluate('document.scrollingElement.scrollWidth') <= 375
    screenshot(page, '7_phone')
    page.close()


def test_what_cannot_be_used_is_named(chromium, url, photos, tmp_path):
    page = steps.open_page(chromium, url)
    button(page, 'Find keypoints').click()
    expect(page.locator('#kpt-progress')).to_contain_text('no keypoint yet')
    (tmp_path / 'text.png').write_text('no photo')
    steps.add_files(page, '#kpt-photos', [tmp_path / 'text.png', photos[0]])
    expect(page.locator('#kpt-prompt')).to_contain_text('text.png: not a photo')
    expect(page.locator('#kpt-photo input')).to_have_count(1)
    (tmp_path / 'list.mp4').write_text('#EXTM3U\nfile:///etc/passwd')
    steps.add_files(page, '#kpt-queries', [tmp_path / 'list.mp4'])
    expect(page.locator('#kpt-progress')).to_contain_text('list.mp4: not a photo')
    page.close()


def test_uploads_are_deleted(chromium, url, photos):
    page = steps.open_page(chromium, url)
    steps.add_photo(page, photos[0], 1)
    cache = os.environ['GRADIO_TEMP_DIR']
    left = [file for _, _, files in os.walk(cache) for file in files]
    assert not [file for file in left if file == photos[0].name]
    page.close()
