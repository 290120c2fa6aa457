import cv2
import numpy as np
import pytest

from kpt_plugins.annotation_formats import KeypointCategory
from kpt_plugins.apis.inference_results import ImageResult, PredictedInstance
from kpt_plugins.web import edit, texts
from kpt_plugins.web.annotation import Annotation
from kpt_plugins.web.pictures import (
    LEFT,
    LONGER_SIDE,
    MIDDLE,
    RIGHT,
    draw_annotation,
    draw_result,
    preview,
    side_colors,
)
from kpt_plugins.web.prediction import Query, predict, progress

IMAGE = np.full((50, 100, 3), 90, np.uint8)
NAMES = ['left <b>eye</b>', 'right <b>eye</b>', '${nose}']


@pytest.fixture
def result():
    category = KeypointCategory('dog', NAMES, [(0, 2)], [(0, 1)])
    found = PredictedInstance(
        keypoints=np.float32([[20, 20], [80, 20], [50, 40]]),
        scores=np.float32([0.9, 0.2, 0.6]),
        bbox=np.float32([0, 0, 100, 50]),
        bbox_score=1.0,
        shown=np.array([True, True, True]),
    )
    return ImageResult('a.png', category, 100, 50, [found])


@pytest.fixture
def two():
    annotation = edit.add_photo(Annotation(), 'a.png', IMAGE)
    return edit.click(edit.click(annotation, 20, 20), 80, 20)


def changed(picture, x, y):
    """Whether anything was drawn around a place, in pixels of the small image."""
    scale, ground = LONGER_SIDE // 100, preview(IMAGE)
    x, y = scale * x, scale * y
    part = np.s_[max(0, y - 9) : y + 9, x - 9 : x + 9]
    return (picture[part] != ground[part]).any()


def test_annotation_is_drawn_at_the_size_of_a_screen(two):
    picture = draw_annotation(two)
    assert picture.shape == (LONGER_SIDE // 2, LONGER_SIDE, 3)
    assert changed(picture, 20, 20) and changed(picture, 80, 20) and not changed(picture, 50, 40)
    assert (draw_annotation(edit.toggle_hidden(two)) != picture).any()
    assert (draw_annotation(edit.select(two, 0)) != picture).any()
    assert changed(draw_annotation(edit.toggle_link(two, 0, 1)), 50, 20)
    assert not changed(draw_annotation(edit.clear_point(two)), 80, 20)


def test_a_photo_without_keypoints_is_drawn(two):
    blank = edit.add_photo(Annotation(), 'a.png', IMAGE)
    np.testing.assert_array_equal(draw_annotation(blank), preview(IMAGE))


def test_the_box_is_drawn(two):
    boxed = draw_annotation(edit.set_box(two, (10, 10, 60, 45)))
    assert changed(boxed, 10, 30) and changed(boxed, 90, 30) and not changed(boxed, 45, 30)
    begun = draw_annotation(edit.click(edit.set_mode(two, 'box'), 40, 30))
    assert changed(begun, 40, 30) and not changed(begun, 60, 30)


def test_the_box_of_a_prediction_is_drawn(result):
    assert not changed(draw_result(preview(IMAGE), result, 1, False), 5, 45)
    result.instances[0].bbox = np.float32([10, 10, 60, 45])
    assert changed(draw_result(preview(IMAGE), result, 1, False), 5, 48)


def test_the_threshold_leaves_keypoints_out(result):
    all_of_them, sure = (draw_result(preview(IMAGE), result, t, False) for t in (0, 0.3))
    assert all(changed(all_of_them, *place) for place in ((20, 20), (80, 20), (50, 40)))
    assert changed(sure, 20, 20) and not changed(sure, 80, 20)
    assert not changed(draw_result(preview(IMAGE), result, 1, False), 20, 20)


def test_left_and_right_have_colours(result):
    assert side_colors(3, [(0, 1)]).tolist() == [list(LEFT), list(RIGHT), list(MIDDLE)]
    by_side = draw_result(preview(IMAGE), result, 0, True)
    assert (by_side != draw_result(preview(IMAGE), result, 0, False)).any()
    assert np.abs(by_side[LONGER_SIDE // 5, LONGER_SIDE // 5].astype(int) - LEFT).max() < 20


def test_the_table_escapes_names(result):
    table = texts.confidence_table(result, 0.3, True)
    assert '<b>' not in table and 'left &lt;b&gt;eye' in table and '0.90' in table
    assert table.count('kpt-low') == 1
    result.instances[0].shown[1] = False
    assert 'right' not in texts.confidence_table(result, 0.3, True)
    failed = ImageResult('<i>.png', result.category, error='it is <u>no</u> photo')
    assert '<i>' not in texts.confidence_table(failed, 0, False)
    assert '<u>' not in texts.confidence_table(failed, 0, False)


def test_prompts(two):
    assert 'Add a photo' in texts.prompt(Annotation())
    blank = edit.add_photo(Annotation(), 'a.png', IMAGE)
    assert 'first keypoint' in texts.prompt(blank)
    assert 'no keypoint to move' in texts.prompt(edit.set_mode(blank, 'move'))
    assert 'next keypoint' in texts.prompt(two)
    assert '1 keypoint_1' in texts.prompt(edit.clear_point(edit.select(two, 0)))
    assert '2 keypoint_2 is' in texts.prompt(edit.set_mode(two, 'move'))
    box = edit.set_mode(two, 'box')
    assert 'two opposite corners' in texts.prompt(box)
    assert 'the opposite corner' in texts.prompt(edit.click(box, 1, 1))
    assert 'Not in the box: 2 keypoint_2.' in texts.prompt(edit.set_box(two, (5, 5, 50, 40)))
    link = edit.set_mode(two, 'link')
    assert 'first keypoint of a link' in texts.prompt(link)
    assert 'link with 1 keypoint_1' in texts.prompt(edit.click(link, 20, 20))


def test_lists(two):
    two = edit.toggle_hidden(two)
    assert texts.keypoint_choices(two) == [('1 keypoint_1', 0), ('2 keypoint_2 (hidden)', 1)]
    two = edit.add_photo(edit.toggle_link(two, 0, 1), 'b.png', IMAGE)
    assert texts.keypoint_choices(two)[0] == ('1 keypoint_1 (not placed)', 0)
    assert texts.photo_choices(two) == [('1: a.png (2 of 2)', 0), ('2: b.png (0 of 2)', 1)]
    boxed = edit.set_box(two, (5, 5, 50, 40))
    assert texts.photo_choices(boxed)[1] == ('2: b.png (0 of 2, box)', 1)
    assert texts.link_list(two) == 'Links: keypoint_1 – keypoint_2'
    assert texts.link_list(Annotation()) == 'No links yet.'


class Inferencer:
    """Finds the same in all images."""

    def __init__(self, result):
        self.support, self.result = self, result
        self.category = result.category

    def predict(self, image, bbox):
        assert image.shape == IMAGE.shape
        self.bbox = bbox
        return [ImageResult('000000', self.category, 100, 50, self.result.instances)]


def test_a_photo_is_predicted(result, tmp_path):
    cv2.imwrite(str(tmp_path / 'query_0.png'), IMAGE)
    inferencer = Inferencer(result)
    (shown,) = predict(inferencer, Query('a.png', tmp_path / 'query_0.png', (1, 2, 30, 40)))
    assert inferencer.bbox == (1, 2, 30, 40)
    assert shown.result == result and shown.image().shape == preview(IMAGE).shape


def test_a_video_is_predicted_up_to_a_length(result, tmp_path, monkeypatch):
    path = tmp_path / 'query_0.avi'
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, (100, 50))
    for _ in range(4):
        video.write(IMAGE)
    video.release()
    monkeypatch.setattr('kpt_plugins.web.prediction.MAX_FRAMES', 3)
    frames = list(predict(Inferencer(result), Query('a.avi', path)))
    assert [shown.result.frame for shown in frames] == [0, 1, 2]


def test_a_damaged_file_is_that_files_error(result, tmp_path):
    (tmp_path / 'query_0.png').write_bytes(b'\x89PNG')
    (shown,) = predict(Inferencer(result), Query('a.png', tmp_path / 'query_0.png'))
    assert shown.jpeg is None and 'a.png' in shown.result.error
    assert str(tmp_path) not in shown.result.error


def test_progress(monkeypatch):
    monkeypatch.setattr('time.monotonic', lambda: 10.0)
    assert progress(0, 4, 'a.png', 10.0) == 'Looking at a.png (1 of 4) …'
    assert progress(2, 4, 'a.png', 4.0) == (
        'Looking at a.png (3 of 4), 3.0 s each, about 6 s to go …'
    )
    assert progress(2, None, 'a.mp4', 4.0) == 'Looking at a.mp4, 3.0 s each …'
