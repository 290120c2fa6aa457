from dataclasses import replace

import numpy as np
import pytest

from kpt_plugins.web import edit
from kpt_plugins.web.annotation import MAX_KEYPOINTS, MAX_PHOTOS, Annotation, Point
from kpt_plugins.web.history import History, record, undo

IMAGE = np.zeros((100, 200, 3), np.uint8)


@pytest.fixture
def one():
    return edit.add_photo(Annotation(), 'a.png', IMAGE)


@pytest.fixture
def three(one):
    for x in (20, 60, 100):
        one = edit.click(one, x, 50)
    return one


def places(annotation):
    return [point and (point.x, point.y) for point in annotation.shown.points]


def test_clicks_in_order_make_keypoints(three):
    assert three.names == ('keypoint_1', 'keypoint_2', 'keypoint_3')
    assert places(three) == [(20, 50), (60, 50), (100, 50)]
    assert three.keypoint == 2 and three.target is None


def test_a_click_on_a_keypoint_selects_it(three):
    assert edit.click(three, 22, 51) == three
    assert edit.click(three, 22, 51).keypoint == 0


def test_a_second_photo_is_clicked_in_the_same_order(three):
    two = edit.add_photo(three, 'b.png', IMAGE)
    assert two.photo == 1 and places(two) == [None] * 3 and two.target == 0
    two = edit.click(two, 10, 10)
    two = edit.select(two, 2)  # the second is not in this photo
    two = edit.click(two, 90, 10)
    assert places(two) == [(10, 10), None, (90, 10)]
    assert two.target == 1 and len(two.names) == 3
    assert edit.show_photo(two, 0).shown == three.shown


def test_a_keypoint_of_a_later_photo_is_in_all(three):
    two = edit.add_keypoint(edit.add_photo(three, 'b.png', IMAGE))
    assert two.target == 3
    two = edit.click(two, 5, 5)
    assert places(two) == [None, None, None, (5, 5)]
    assert len(two.photos[0].points) == 4


def test_places_stay_in_the_photo(one):
    assert places(edit.click(one, -5, 300)) == [(0, 100)]
    with pytest.raises(ValueError, match='two numbers'):
        edit.click(one, float('nan'), 3)


def test_move(three):
    moved = edit.click(edit.set_mode(edit.select(three, 1), 'move'), 61, 90)
    assert places(moved) == [(20, 50), (61, 90), (100, 50)]
    hidden = edit.toggle_hidden(moved)
    assert edit.move(hidden, 1, 2).point == Point(1, 2, hidden=True)


def test_hidden_is_toggled(three):
    hidden = edit.toggle_hidden(three)
    assert hidden.point == Point(100, 50, hidden=True)
    assert edit.toggle_hidden(hidden) == three


def test_clear_is_of_this_photo_alone(three):
    two = edit.click(edit.add_photo(three, 'b.png', IMAGE), 1, 1)
    cleared = edit.clear_point(two)
    assert places(cleared) == [None] * 3 and cleared.photos[0] == three.shown
    with pytest.raises(ValueError, match='keypoint_1: give it a place'):
        edit.toggle_hidden(cleared)


def test_delete_renumbers_links_and_pairs(three):
    linked = edit.toggle_link(edit.toggle_link(three, 0, 1), 2, 1)
    linked = edit.toggle_link(linked, 2, 0)
    left = edit.delete_keypoint(edit.select(linked, 1))
    assert left.names == ('keypoint_1', 'keypoint_3') and left.links == ((0, 1),)
    assert places(left) == [(20, 50), (100, 50)] and left.keypoint == 1
    empty = edit.delete_keypoint(edit.delete_keypoint(left))
    assert empty.names == () and empty.keypoint is None
    with pytest.raises(ValueError, match='no keypoint yet'):
        edit.delete_keypoint(empty)


def test_a_new_keypoint_takes_no_name_that_there_is(three):
    left = edit.delete_keypoint(edit.select(three, 0))
    assert edit.add_keypoint(left).names[-1] == 'keypoint_4'


def test_links_by_clicks(three):
    mode = edit.set_mode(three, 'link')
    started = edit.click(mode, 102, 50)
    assert started.link_start == 2 and started == three
    linked = edit.click(started, 20, 50)
    assert linked.links == ((0, 2),) and linked.link_start is None
    assert edit.toggle_link(linked, 0, 2).links == ()
    with pytest.raises(ValueError, match='no keypoint here'):
        edit.click(mode, 180, 90)
    with pytest.raises(ValueError, match='two different'):
        edit.click(started, 100, 50)
    assert edit.set_mode(started, 'add').link_start is None


def test_a_box_by_two_clicks(three):
    begun = edit.click(edit.set_mode(three, 'box'), 110, 80)
    assert begun.corner == (110, 80) and begun == three and begun.shown.bbox is None
    with pytest.raises(ValueError, match='two opposite corners'):
        edit.click(begun, 110, 20)
    boxed = edit.click(begun, -3, 40)
    assert boxed.shown.bbox == (0, 40, 110, 80)
    assert boxed.mode == 'add' and boxed.corner is None and places(boxed) == places(three)
    again = edit.click(edit.click(edit.set_mode(boxed, 'box'), 10, 10), 60, 60)
    assert again.shown.bbox == (10, 10, 60, 60)
    assert edit.set_box(again, None) == three


def test_a_box_is_of_its_photo(three):
    two = edit.set_box(edit.add_photo(three, 'b.png', IMAGE), (1, 2, 30, 40))
    assert two.photos[0].bbox is None
    begun = edit.click(edit.set_mode(two, 'box'), 5, 5)
    for other in (
        edit.show_photo(begun, 0),
        edit.set_mode(begun, 'box'),
        edit.add_photo(begun, 'c.png', IMAGE),
        edit.remove_photo(begun),
        edit.delete_keypoint(begun),
    ):
        assert not other.has_begun


@pytest.mark.parametrize(
    ('name', 'message'),
    [('', 'at least one letter'), (' \n ', 'at least one'), ('x' * 61, 'this one 61')],
)
def test_bad_names(three, name, message):
    with pytest.raises(ValueError, match=message):
        edit.rename(three, 0, name)
    with pytest.raises(ValueError, match=message):
        edit.rename_category(three, name)


def test_rename(three):
    assert edit.rename(three, 0, ' left\n eye\x00 ').names[0] == 'left eye'
    assert edit.rename(three, 0, 'keypoint_1') == three
    with pytest.raises(ValueError, match="'keypoint_2': another"):
        edit.rename(three, 0, 'keypoint_2')
    with pytest.raises(ValueError, match='no such keypoint'):
        edit.rename(three, 3, 'x')
    assert edit.rename_category(three, 'dog').category == 'dog'


def test_left_and_right(three):
    named = edit.rename(edit.rename(three, 2, 'left eye'), 0, 'right eye')
    assert named.left_right == [(2, 0)]
    assert Annotation(names=('a', 'b', 'c'), pairs=((1, 0),)).left_right == [(1, 0)]


def test_photos_are_removed_and_limited(three):
    full = three
    for _ in range(MAX_PHOTOS - 1):
        full = edit.add_photo(full, 'b.png', IMAGE)
    with pytest.raises(ValueError, match='c.png: there are 5 photos'):
        edit.add_photo(full, 'c.png', IMAGE)
    assert edit.remove_photo(full).photo == MAX_PHOTOS - 2
    none = edit.remove_photo(three)
    assert none.photos == () and none.names == three.names
    again = edit.add_photo(none, 'a.png', IMAGE)
    assert places(again) == [None] * 3 and again.target == 0
    with pytest.raises(ValueError, match='no photo 6'):
        edit.show_photo(full, 5)


@pytest.mark.parametrize(
    'function',
    [
        edit.add_keypoint,
        edit.clear_point,
        edit.delete_keypoint,
        edit.remove_photo,
        edit.toggle_hidden,
        lambda annotation: edit.click(annotation, 1, 1),
        lambda annotation: edit.mark_corner(annotation, 1, 1),
        lambda annotation: edit.set_box(annotation, None),
        lambda annotation: edit.move(annotation, 1, 1),
    ],
)
def test_without_a_photo(function):
    with pytest.raises(ValueError, match='no photo yet'):
        function(Annotation())


@pytest.mark.parametrize('most', [MAX_KEYPOINTS, 3])
def test_number_of_keypoints_is_limited(one, most):
    one = replace(one, max_keypoints=most)
    for _ in range(most):
        one = edit.add_keypoint(one)
    with pytest.raises(ValueError, match=f'There are {most} keypoints already, the most'):
        edit.add_keypoint(one)


def test_unknown_mode(one):
    with pytest.raises(ValueError, match='erase'):
        edit.set_mode(one, 'erase')


def test_undo_goes_back_step_by_step(one, three):
    history = History()
    for step in (one, edit.click(one, 20, 50), three):
        history = record(history, step)
    history = record(history, edit.select(three, 0))  # a view, no step of its own
    assert history.present.keypoint == 0 and len(history.past) == 3
    history = undo(history)
    assert history.present.names == ('keypoint_1',)
    assert undo(undo(history)).present == Annotation()
    with pytest.raises(ValueError, match='nothing to undo'):
        undo(History())


def test_undo_of_a_box(three):
    begun = edit.click(edit.set_mode(three, 'box'), 10, 10)
    history = record(record(History(), three), begun)
    assert len(history.past) == 1
    half = undo(history)  # the corner alone, and not the keypoint before it
    assert half.present == three and half.present.corner is None and half.past == history.past
    history = record(history, edit.click(begun, 90, 90))
    assert history.present.shown.bbox == (10, 10, 90, 90)
    history = undo(history)
    assert history.present.shown.bbox is None and not history.present.has_begun
    assert undo(history).present == Annotation()


def test_undo_of_half_a_link(three):
    begun = edit.click(edit.set_mode(three, 'link'), 20, 50)
    assert undo(record(record(History(), three), begun)).present.names == three.names
