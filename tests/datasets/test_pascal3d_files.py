"""Records of PASCAL3D+ and ObjectNet3D, read from small files in the true format."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat

from kpt_plugins.datasets.pascal3d_files import (
    coco_annotation,
    coco_image,
    read_names,
    read_objects,
)
from tests.rigid_data import EMPTY, anchor, rigid_object, write_image, write_list, write_record


def read(tmp_path, *objects):
    return read_objects(write_record(tmp_path / 'a.mat', objects))


def test_pixels_count_from_0(tmp_path):
    points = dict(nose=anchor((1, 1)), tail=anchor((20.5, 7)))
    (item,) = read(tmp_path, rigid_object('car', points, bbox=np.float64([[1, 2, 31, 12]])))
    assert item.category == 'car'
    assert item.box.tolist() == [0, 1, 30, 11]
    assert item.keypoints == dict(nose=(0, 0), tail=(19.5, 6))
    assert item.num_visible == 2
    assert not item.difficult


def test_only_status_1_is_seen(tmp_path):
    points = {f'p{status}': anchor((5, 6), status) for status in range(1, 6)}
    points |= dict(empty=anchor(), no_status=dict(location=np.float64([[5, 6]]), status=EMPTY))
    points |= dict(no_location=dict(location=EMPTY, status=1), nothing=EMPTY)
    (item,) = read(tmp_path, rigid_object('car', points))
    assert list(item.keypoints) == list(points)
    assert [name for name, position in item.keypoints.items() if position] == ['p1']


def test_several_objects_and_one_without_anchors(tmp_path):
    items = read(
        tmp_path,
        rigid_object('person', None, viewpoint=EMPTY),
        rigid_object('car', dict(p=anchor((3, 4))), difficult=1),
    )
    assert [item.category for item in items] == ['person', 'car']
    assert items[0].keypoints == {} and items[0].azimuth is None
    assert items[1].difficult


@pytest.mark.parametrize(
    ('viewpoint', 'azimuth'),
    [
        (dict(azimuth=123.4, azimuth_coarse=120.0, distance=5.0), 123.4),
        (dict(azimuth=0.0, azimuth_coarse=120.0, distance=0.0), 120),
        (dict(azimuth=EMPTY, azimuth_coarse=120.0, distance=EMPTY), 120),
        (dict(azimuth_coarse=200.0), 200),
        (dict(azimuth=50.0, azimuth_coarse=EMPTY, distance=0.0), 50),
        (dict(azimuth=-30.0, distance=1.0), 330),
        (dict(azimuth=360.0, distance=1.0), 0),
        (dict(azimuth=float('nan'), distance=1.0), None),
        (dict(azimuth=EMPTY), None),
    ],
)
def test_azimuth(tmp_path, viewpoint, azimuth):
    (item,) = read(tmp_path, rigid_object('car', None, viewpoint=viewpoint))
    assert item.azimuth == pytest.approx(azimuth)


def test_exchanged_corners(tmp_path):
    (item,) = read(tmp_path, rigid_object('bed', None, bbox=np.float64([[31, 12, 1, 2]])))
    assert item.box.tolist() == [0, 1, 30, 11]


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(bbox=np.float64([[1, 2, 3]])), 'record.objects: bbox: .*expected x1, y1, x2, y2'),
        (dict(bbox=np.float64([[1, 2, 3, np.nan]])), 'bbox: .*expected x1, y1, x2, y2'),
        ({'class': 3.0}, 'class: 3.0, expected a name'),
    ],
)
def test_wrong_fields(tmp_path, change, message):
    with pytest.raises(ValueError, match=f'a.mat: .*{message}'):
        read(tmp_path, rigid_object('car', None, **change))


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match='b.mat: there is no such annotation file'):
        read_objects(tmp_path / 'b.mat')
    (tmp_path / 'text.mat').write_text('no matrix')
    with pytest.raises(ValueError, match='text.mat: not a readable .mat file'):
        read_objects(tmp_path / 'text.mat')
    savemat(tmp_path / 'other.mat', dict(boxes=[1, 2]))
    with pytest.raises(ValueError, match='other.mat: no struct "record" with "objects"'):
        read_objects(tmp_path / 'other.mat')
    savemat(tmp_path / 'numbers.mat', dict(record=dict(objects=[1, 2])))
    with pytest.raises(ValueError, match='record.objects: a int.*, expected structs'):
        read_objects(tmp_path / 'numbers.mat')


def test_lists(tmp_path):
    write_list(tmp_path / 'a.txt', ['n1', '', 'n2.JPEG', '  n3 '])
    assert read_names(tmp_path / 'a.txt') == ['n1', 'n2', 'n3']
    with pytest.raises(FileNotFoundError, match='b.txt: there is no such list'):
        read_names(tmp_path / 'b.txt')


def test_coco_objects(tmp_path):
    write_image(tmp_path / 'a.JPEG')
    assert coco_image(7, tmp_path, 'a.JPEG') == dict(id=7, file_name='a.JPEG', width=120, height=90)
    with pytest.raises(FileNotFoundError, match='b.JPEG: there is no such image'):
        coco_image(7, tmp_path, 'b.JPEG')
    points = dict(a=anchor((3, 4)), b=anchor(), c=anchor((1, 1)))
    (item,) = read(tmp_path, rigid_object('car', points))
    result = coco_annotation(5, 7, 6, item, ['c', 'b', 'missing', 'a'])
    # a keypoint at the first pixel is labelled at 0, 0
    assert result['keypoints'] == [0, 0, 2, 0, 0, 0, 0, 0, 0, 2, 3, 2]
    assert result['num_keypoints'] == 2
    assert result['bbox'] == [10, 20, 90, 60] and result['area'] == 5400
    assert (result['id'], result['image_id'], result['category_id']) == (5, 7, 6)
    assert result['azimuth'] == 100
