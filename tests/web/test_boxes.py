import pytest

from kpt_plugins.web.boxes import box_of, format_box, parse_box

SHAPE = (100, 200, 3)


@pytest.mark.parametrize(
    ('first', 'second'),
    [((20, 10), (90, 80)), ((90, 80), (20, 10)), ((20, 80), (90, 10)), ((90, 10), (20, 80))],
)
def test_any_two_opposite_corners(first, second):
    assert box_of(first, second, SHAPE) == (20, 10, 90, 80)


def test_a_box_stays_in_the_photo():
    assert box_of((-5, 50), (300, 70), SHAPE) == (0, 50, 200, 70)
    assert box_of((-5, -5), (300, 300), SHAPE) is None
    with pytest.raises(ValueError, match='two numbers'):
        box_of((0, 0), (float('inf'), 1), SHAPE)


@pytest.mark.parametrize('second', [(20, 10), (90, 13), (23, 80)])
def test_two_clicks_on_the_same_place_are_no_box(second):
    with pytest.raises(ValueError, match='at least 4 pixels apart'):
        box_of((20, 10), second, SHAPE)


@pytest.mark.parametrize(
    'text', ['20, 10, 90.5, 80', '20 10 90.5 80', ' (90.5;80;20;10) ', '[20,10,90.5,80]\n']
)
def test_typed_boxes(text):
    assert parse_box(text, SHAPE) == (20, 10, 90.5, 80)


@pytest.mark.parametrize('text', ['', '  ', '0, 0, 200, 100', '[]'])
def test_typed_for_the_whole_photo(text):
    assert parse_box(text, SHAPE) is None


@pytest.mark.parametrize('text', ['20 10 90', '1 2 3 4 5', 'a b c d', '<b>', '20,,10 90'])
def test_what_is_typed_and_no_box(text):
    with pytest.raises(ValueError, match='four numbers'):
        parse_box(text, SHAPE)


@pytest.mark.parametrize('text', ['nan 1 9 9', '1 1 inf 9', '9 9 9 9'])
def test_numbers_that_make_no_box(text):
    with pytest.raises(ValueError, match='two numbers|two opposite corners'):
        parse_box(text, SHAPE)


def test_boxes_are_shown_as_they_are_typed():
    assert format_box((20, 10.25, 90.06, 12345.67)) == '20, 10.2, 90.1, 12345.7'
    assert format_box(None) == ''
