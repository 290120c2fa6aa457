import json
import zipfile

import numpy as np
import pytest

from kpt_plugins.apis.support_files import save_supports
from kpt_plugins.web import edit
from kpt_plugins.web.annotation import Annotation
from kpt_plugins.web.category_file import MAX_JSON_BYTES, read_category, write_category
from kpt_plugins.web.supports import from_supports, to_supports

IMAGE = np.arange(40 * 60 * 3, dtype=np.uint8).reshape(40, 60, 3)


@pytest.fixture
def drawn():
    one = edit.add_photo(Annotation(category='dog'), 'photo 1', IMAGE)
    for x, name in ((5, 'left eye'), (30, 'right eye'), (50, 'nose')):
        one = edit.rename(one2 := edit.click(one, x, 9), one2.keypoint, name)
    one = edit.toggle_link(edit.toggle_hidden(one), 0, 2)
    return edit.click(edit.add_photo(one, 'photo 2', IMAGE), 7, 7)


def test_supports(drawn):
    supports = to_supports(edit.add_photo(drawn, 'not annotated', IMAGE))
    assert supports.category.keypoint_names == ['left eye', 'right eye', 'nose']
    assert supports.category.skeleton == [(0, 2)] and supports.category.flip_pairs == [(0, 1)]
    first, second = supports.supports
    assert first.keypoints.tolist() == [[5, 9, 2], [30, 9, 2], [50, 9, 1]]
    assert second.keypoints.tolist() == [[7, 7, 2], [0, 0, 0], [0, 0, 0]]
    assert first.bbox.tolist() == [0, 0, 60, 40]


def test_nothing_annotated():
    with pytest.raises(ValueError, match='no keypoint yet'):
        to_supports(edit.add_photo(Annotation(), 'a', IMAGE))


def test_back_from_supports(drawn):
    back = from_supports(to_supports(drawn))
    assert (back.category, back.names, back.links) == ('dog', drawn.names, drawn.links)
    assert back.photos == drawn.photos and back.left_right == drawn.left_right


def test_archive_round_trip(drawn, tmp_path):
    path = tmp_path / 'category.zip'
    write_category(to_supports(drawn), path)
    back = from_supports(read_category([path]))
    assert back.photos == drawn.photos
    np.testing.assert_array_equal(back.shown.image, IMAGE)


def test_boxes(drawn, tmp_path):
    boxed = edit.set_box(edit.show_photo(drawn, 0), (2.5, 3, 55, 30))
    supports = to_supports(boxed)
    assert [s.bbox.tolist() for s in supports.supports] == [[2.5, 3, 55, 30], [0, 0, 60, 40]]
    write_category(supports, tmp_path / 'category.zip')
    back = from_supports(read_category([tmp_path / 'category.zip']))
    assert [photo.bbox for photo in back.photos] == [(2.5, 3, 55, 30), None]
    assert back.photos == boxed.photos


def test_unpacked_archive(drawn, tmp_path):
    save_supports(to_supports(drawn), tmp_path)
    (tmp_path / 'other.txt').write_text('not ours')
    assert from_supports(read_category(sorted(tmp_path.iterdir()))).photos == drawn.photos


def test_only_expected_members_are_read(drawn, tmp_path):
    path = tmp_path / 'category.zip'
    write_category(to_supports(drawn), path)
    with zipfile.ZipFile(path, 'a') as archive:
        archive.writestr('../evil.png', 'x')
        archive.writestr('support_9.png', 'x')
        archive.writestr('sub/support_1.png', 'x')
    assert from_supports(read_category([path])).photos == drawn.photos
    assert not list(tmp_path.parent.glob('evil*'))


def bad_json(**changes):
    content = dict(version=1, name='dog', names=['a'], supports=[])
    return json.dumps({**content, **changes})


@pytest.mark.parametrize(
    ('members', 'message'),
    [
        ({}, 'expected a .zip file'),
        ({'category.json': '{'}, 'not valid JSON'),
        ({'category.json': '[' * 100_000}, 'no saved category'),
        ({'category.json': ' ' * (MAX_JSON_BYTES + 1)}, 'more than 1 MB'),
        ({'category.json': bad_json(version=7)}, 'expected 1'),
        ({'category.json': bad_json()}, 'no support'),
        (
            {'category.json': bad_json(supports=[dict(image='/etc/passwd', keypoints=[[1, 1]])])},
            'leads out of the folder',
        ),
        (
            {'category.json': bad_json(supports=[dict(image='../x.png', keypoints=[[1, 1]])])},
            'leads out of the folder',
        ),
        ({'category.json': bad_json(), 'support_1.png': 'x'}, 'not a photo'),
    ],
)
def test_damaged_archives(tmp_path, members, message):
    path = tmp_path / 'category.zip'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match=message) as error:
        read_category([path])
    assert '/tmp' not in str(error.value)


def test_not_an_archive(tmp_path):
    path = tmp_path / 'x.zip'
    path.write_bytes(b'PK\x05\x06 and nothing')
    with pytest.raises(ValueError, match='no saved category'):
        read_category([path])


def test_a_category_that_is_too_large_for_the_page(drawn):
    supports = to_supports(drawn)
    supports.supports *= 3
    with pytest.raises(ValueError, match='6 photos, at most 5'):
        from_supports(supports)


def test_a_category_with_more_keypoints_than_the_model_takes(drawn):
    number = len(drawn.names)
    assert from_supports(to_supports(drawn), number).max_keypoints == number
    with pytest.raises(ValueError, match=f'{number} keypoints, at most {number - 1}'):
        from_supports(to_supports(drawn), number - 1)
