"""Marking boxes in the browser: by clicks, by keys, and on a phone."""

import json

import pytest

from tests.tiny_matcher import BOX, POINTS, SIZE, shifted

pytest.importorskip('gradio')
pytest.importorskip('playwright.sync_api')

from tests.web import browser as steps  # noqa: E402
from tests.web.browser import button, click_photo, expect, keypoints, screenshot  # noqa: E402

pytestmark = steps.MARKS
SHIFT = (24, 12)


def box_text(page, where='#kpt-box'):
    return page.locator(where).get_by_role('textbox')


def numbers(page, where='#kpt-box'):
    return [float(value) for value in box_text(page, where).input_value().split(',')]


def test_boxes_by_clicks(chromium, url, photos, tmp_path):
    page = steps.open_page(chromium, url, viewport=dict(width=1200, height=900))
    steps.add_photo(page, photos[0], 1)
    click_photo(page, POINTS[0])
    expect(keypoints(page)).to_have_count(1)
    page.get_by_label('Mark the object’s box').check()
    expect(page.locator('#kpt-prompt')).to_contain_text('two opposite corners')
    click_photo(page, BOX[2:])
    expect(page.locator('#kpt-prompt')).to_contain_text('the opposite corner')
    screenshot(page, '8_corner')
    button(page, 'Undo').click()
    expect(page.locator('#kpt-prompt')).to_contain_text('two opposite corners')
    expect(keypoints(page)).to_have_count(1)
    for corner in (BOX[2:], BOX[:2]):
        click_photo(page, corner)
        expect(page.locator('#kpt-prompt')).not_to_contain_text('two opposite corners')
    expect(page.locator('#kpt-photo')).to_contain_text('(1 of 1, box)')
    expect(page.get_by_label('Place keypoints')).to_be_checked()
    assert numbers(page) == pytest.approx(BOX, abs=2)
    button(page, 'Remove the box').click()
    expect(box_text(page)).to_have_value('')
    button(page, 'Undo').click()
    expect(page.locator('#kpt-photo')).to_contain_text('box')
    assert numbers(page) == pytest.approx(BOX, abs=2)
    for number, place in enumerate(POINTS[1:], 2):
        click_photo(page, place)
        expect(keypoints(page)).to_have_count(number)
    screenshot(page, '9_box')

    steps.add_files(page, '#kpt-queries', photos[1:])
    page.get_by_text('Mark the objects where').click()
    expect(page.locator('#kpt-query-prompt')).to_contain_text('The whole photo is searched')
    box = shifted(BOX, SHIFT)
    for corner, text in ((box[:2], 'opposite corner of the box'), (box[2:], 'box is searched')):
        click_photo(page, corner, '#kpt-query-picture')
        expect(page.locator('#kpt-query-prompt')).to_contain_text(text)
    screenshot(page, '10_query_box')
    page.locator('#kpt-query input').click()
    page.get_by_role('option', name='2: photo_2.png').click()
    expect(page.locator('#kpt-query-prompt')).to_contain_text('The whole photo is searched')
    expect(box_text(page, '#kpt-query-box')).to_have_value('')
    button(page, 'Find keypoints').click()
    expect(page.locator('#kpt-progress')).to_contain_text('2 of 2 pictures done')
    screenshot(page, '11_found_in_box')
    with page.expect_download() as download:
        page.locator('#kpt-coco').click()
    boxed, whole = json.loads(download.value.path().read_text())['annotations']
    assert boxed['bbox'] == pytest.approx([94, 52, 270, 180], abs=3)
    assert whole['bbox'] == [0, 0, *SIZE]
    page.close()


def test_a_box_is_saved_and_loaded(chromium, url, photos, tmp_path):
    page = steps.open_page(chromium, url)
    steps.add_photo(page, photos[0], 1)
    click_photo(page, POINTS[0])
    expect(keypoints(page)).to_have_count(1)
    box_text(page).fill('70 40 340 220')
    box_text(page).press('Enter')
    expect(page.locator('#kpt-photo')).to_contain_text('box')
    box_text(page).fill('a box')
    box_text(page).press('Enter')
    expect(page.get_by_role('alert')).to_contain_text('four numbers')
    page.get_by_text('Save or load a category').click()
    button(page, 'Save it as a file').click()
    with page.expect_download() as download:
        page.locator('#kpt-category-file').click()
    download.value.save_as(tmp_path / 'category.zip')
    page.reload()
    expect(page.locator('#kpt-prompt')).to_contain_text('Add a photo')
    page.get_by_text('Save or load a category').click()
    steps.add_files(page, '#kpt-load', [tmp_path / 'category.zip'])
    expect(page.locator('#kpt-photo')).to_contain_text('(1 of 1, box)')
    expect(box_text(page)).to_have_value('70, 40, 340, 220')
    page.close()


def test_boxes_on_a_phone(chromium, url, photos):
    page = steps.open_page(chromium, url, viewport=dict(width=375, height=700), has_touch=True)
    steps.add_photo(page, photos[0], 1)
    page.get_by_label('Mark the object’s box').check()
    expect(page.locator('#kpt-prompt')).to_contain_text('two opposite corners')
    image = page.locator('#kpt-picture img')
    image.scroll_into_view_if_needed()
    for fraction in (0.2, 0.8):
        box = image.bounding_box()
        page.touchscreen.tap(
            box['x'] + box['width'] * fraction, box['y'] + box['height'] * fraction
        )
        expect(page.locator('#kpt-prompt')).not_to_contain_text('two opposite corners')
    expect(page.locator('#kpt-photo')).to_contain_text('box')
    expected = [SIZE[0] * 0.2, SIZE[1] * 0.2, SIZE[0] * 0.8, SIZE[1] * 0.8]
    assert numbers(page) == pytest.approx(expected, abs=3)
    steps.add_files(page, '#kpt-queries', [photos[1]])
    page.get_by_text('Mark the objects where').click()
    expect(page.locator('#kpt-query-picture img')).to_be_visible()
    assert page.evaluate('document.scrollingElement.scrollWidth') <= 375
    screenshot(page, '12_phone_boxes')
    page.close()
