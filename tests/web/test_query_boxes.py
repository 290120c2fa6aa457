import cv2
import numpy as np
import pytest

from kpt_plugins.web.pictures import LONGER_SIDE
from kpt_plugins.web.prediction import Query
from kpt_plugins.web.query_boxes import click, look_at
from kpt_plugins.web.texts import box_prompt, query_choices

IMAGE = np.full((50, 100, 3), 90, np.uint8)
SCALE = LONGER_SIDE / 100


@pytest.fixture
def query(tmp_path):
    cv2.imwrite(str(tmp_path / 'query_0.png'), IMAGE)
    return Query('a.png', tmp_path / 'query_0.png')


def test_two_clicks_make_a_box(query):
    looked_at = look_at([query], 0)
    assert looked_at.shape == (50, 100) and 'whole photo' in box_prompt(query, None)
    begun, looked_at = click(query, looked_at, 80 * SCALE, 40 * SCALE)
    assert begun == query and 'opposite corner of' in box_prompt(query, looked_at.corner)
    cross = looked_at.draw(None)[round(40 * SCALE), round(80 * SCALE)]
    assert cross.tolist() == [255] * 3
    boxed, looked_at = click(begun, looked_at, 10 * SCALE, 5 * SCALE)
    assert boxed.box == pytest.approx((10, 5, 80, 40)) and looked_at.corner is None
    assert 'The box is searched.' in box_prompt(boxed, None)
    assert query_choices([query, boxed]) == [('1: a.png', 0), ('2: a.png (box)', 1)]
    picture = looked_at.draw(boxed.box)
    assert picture[round(20 * SCALE), round(50 * SCALE)].tolist() == [90] * 3
    assert picture[round(48 * SCALE), round(50 * SCALE)].max() < 90


def test_a_box_that_is_too_small_leaves_the_corner(query):
    _, looked_at = click(query, look_at([query], 0), 10, 10)
    with pytest.raises(ValueError, match='two opposite corners'):
        click(query, looked_at, 11, 400)
    assert looked_at.corner is not None


def test_of_a_video_the_first_frame(tmp_path):
    path = tmp_path / 'query_0.avi'
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, (100, 50))
    for value in (200, 10):
        video.write(np.full_like(IMAGE, value))
    video.release()
    query = Query('a.avi', path, (1, 2, 30, 40))
    looked_at = look_at([query], 0)
    assert looked_at.shape == (50, 100) and looked_at.picture.mean() > 150
    assert 'in every frame' in box_prompt(query, None)


@pytest.mark.parametrize('name', ['query_0.png', 'query_0.avi'])
def test_damaged_files_are_named_as_the_user_calls_them(tmp_path, name):
    (tmp_path / name).write_bytes(b'RIFF....AVI ')
    with pytest.raises(ValueError, match='^mine: the file is damaged') as error:
        look_at([Query('mine', tmp_path / name)], 0)
    assert str(tmp_path) not in str(error.value)


def test_no_such_file(query):
    with pytest.raises(ValueError, match='no photo 2'):
        look_at([query], 1)
