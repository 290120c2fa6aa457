"""Files of new keypoints: what is read, what is refused."""

import pytest

from kpt_plugins.apis.new_keypoints import (
    check_flips,
    check_images,
    merge_annotations,
    read_new_keypoints,
)
from tests.helpers import coco_file, write_json

OLD = dict(num_keypoints=2, keypoint_id2name={0: 'head', 1: 'tail'})


def read(tmp_path, content, category=None):
    return read_new_keypoints(write_json(tmp_path / 'new.json', content), category)


def refused(tmp_path, content, message, category=None):
    with pytest.raises(ValueError, match=message) as error:
        read(tmp_path, content, category)
    assert str(error.value).startswith(f'{tmp_path / "new.json"}: ')


def test_only_what_is_labelled(tmp_path):
    content = coco_file(num_images=3)
    content['annotations'][1].update(keypoints=[0] * 9, bbox=[0, 0, 0, 0])  # nobody needs its box
    new = read(tmp_path, content)
    assert new.names == ['p0', 'p1', 'p2']
    assert [a['id'] for a in new.annotations] == [1, 3] and [i['id'] for i in new.images] == [1, 3]


class TestMerge:
    def test_old_keypoints_are_not_labelled(self, tmp_path):
        merged = merge_annotations(read(tmp_path, coco_file()), OLD)
        assert merged['categories'] == [
            dict(id=1, name='thing', keypoints=['head', 'tail', 'p0', 'p1', 'p2'])
        ]
        assert merged['annotations'][0]['keypoints'] == [0] * 6 + [5, 6, 2, 9, 9, 2, 13, 12, 2]
        assert merged['annotations'][0]['num_keypoints'] == 3

    def test_coordinates_without_a_label(self, tmp_path):
        content = coco_file()
        content['annotations'][0]['keypoints'][3:6] = [None, float('nan'), 0]
        merged = merge_annotations(read(tmp_path, content), OLD)
        assert merged['annotations'][0]['keypoints'][6:] == [5, 6, 2, 0, 0, 0, 13, 12, 2]
        assert merged['annotations'][0]['num_keypoints'] == 2

    def test_repeated_ids(self, tmp_path):
        content = coco_file()
        content['annotations'][1]['id'] = 1
        merged = merge_annotations(read(tmp_path, content), OLD)
        assert [a['id'] for a in merged['annotations']] == [1, 2]
        assert [a['image_id'] for a in merged['annotations']] == [1, 2]


class TestAnnotations:
    @pytest.mark.parametrize(
        ('field', 'value', 'message'),
        [
            ('keypoints', [1, 2] + [0] * 9, 'keypoints of length 11'),
            ('keypoints', 'none', "keypoints 'none': expected a flat list"),
            ('keypoints', [], 'keypoints: 0 keypoints, expected 3'),
            ('keypoints', [1, 1, 7] + [0] * 6, 'visibility 7 of keypoint 0'),
            ('bbox', None, 'bbox: missing'),
            ('bbox', [1, 2, 3], r'bbox: \[1, 2, 3\], expected four numbers'),
            ('bbox', [1, 2, 'a', 3], 'expected four numbers'),
            ('bbox', [4, 5, 0, 11], r'bbox: \[4, 5, 0, 11\] is empty in its image of 40 x 30'),
            ('bbox', [4, 5, 5, -11], 'is empty'),
            ('bbox', [60, 5, 20, 20], 'is empty'),
            ('iscrowd', 1, 'iscrowd: set, but it has labels'),
        ],
    )
    def test_wrong_field(self, tmp_path, field, value, message):
        content = coco_file()
        content['annotations'][1][field] = value
        refused(tmp_path, content, rf'annotations\[1\] \(id 2\): .*{message}')

    @pytest.mark.parametrize('field', ['keypoints', 'bbox'])
    def test_missing_field(self, tmp_path, field):
        content = coco_file()
        del content['annotations'][1][field]
        refused(tmp_path, content, rf'annotations\[1\] \(id 2\): {field}: missing, expected')

    def test_all_are_named(self, tmp_path):
        content = coco_file(num_images=25)
        for annotation in content['annotations'][1:4]:
            del annotation['bbox']
        refused(
            tmp_path,
            content,
            r'annotations\[1\] \(id 2\): bbox: missing.*; 3 of 25 annotations are wrong, the '
            r'others are annotations\[2\] \(id 3\), annotations\[3\] \(id 4\)$',
        )
        for annotation in content['annotations']:
            annotation['bbox'] = [0, 0, 0, 0]
        refused(tmp_path, content, r'25 of 25 annotations are wrong.*\(id 20\) and 5 more$')

    def test_no_label(self, tmp_path):
        content = coco_file()
        for annotation in content['annotations']:
            annotation['keypoints'] = [0] * 9
        refused(tmp_path, content, 'none of the 2 annotations shows one of p0, p1, p2')


class TestCategory:
    @pytest.fixture
    def content(self):
        content = coco_file()
        content['categories'].append(dict(id=7, name='12', keypoints=['x']))
        return content

    @pytest.mark.parametrize('category', ['thing', '1', 1])
    def test_by_name_or_id(self, tmp_path, content, category):
        assert read(tmp_path, content, category).category['id'] == 1

    def test_a_name_of_digits_goes_first(self, tmp_path, content):
        content['categories'][1]['name'] = '1'
        refused(tmp_path, content, 'none of the 0 annotations shows one of x', category='1')

    def test_unknown(self, tmp_path, content):
        refused(tmp_path, content, 'category=9: no such category', category='9')
        refused(tmp_path, content, '2 categories: set category')


class TestFlips:
    def test_one_side_only(self, tmp_path):
        content = coco_file(num_keypoints=2, skeleton=[])
        content['categories'][0]['keypoints'] = ['l_ear', 'nose']
        with pytest.raises(ValueError, match='l_ear: no keypoint of the other side'):
            check_flips(read(tmp_path, content))

    @pytest.mark.parametrize('pairs', [[], [[0, 1]]])
    def test_stated_pairs(self, tmp_path, pairs):
        content = coco_file(num_keypoints=2, skeleton=[], flip_pairs=pairs)
        content['categories'][0]['keypoints'] = ['l_ear', 'nose']
        check_flips(read(tmp_path, content))


def test_images_of_unlabelled_instances_are_not_needed(tmp_path):
    content = coco_file()
    content['annotations'][1]['keypoints'] = [0] * 9
    new = read(tmp_path, content)
    with pytest.raises(FileNotFoundError, match=r'0.png: there is no such image; 1 of the 1'):
        check_images(new, tmp_path)
    (tmp_path / '0.png').touch()
    check_images(new, tmp_path)
