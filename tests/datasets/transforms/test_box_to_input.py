import cv2
import numpy as np
import pytest
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope
from mmpose.datasets.transforms import GetBBoxCenterScale, TopdownAffine

from kpt_plugins.datasets.transforms import BoxToInput

BOX = (20.0, 30.0, 90.0, 70.0)


def make_record(**extra):
    """An image of one filled box, whose corners are keypoints too."""
    image = np.zeros((100, 140, 3), np.uint8)
    x1, y1, x2, y2 = map(int, BOX)
    image[y1 : y2 + 1, x1 : x2 + 1] = 255
    corners = np.float32([[(x1, y1), (x2, y1), (x2, y2), (x1, y2)]])
    record = dict(
        img=image,
        img_shape=image.shape[:2],
        bbox=np.float32([BOX]),
        keypoints=corners,
        keypoints_visible=np.ones((1, 4), np.float32),
        flip_indices=[1, 0, 3, 2],  # so that corner 0 stays the upper left one
    )
    return record | extra


def run(record, use_udp=False, input_size=(64, 96), before=()):
    init_default_scope('mmpose')
    crop = dict(type='TopdownAffine', input_size=input_size, use_udp=use_udp)
    steps = [*before, dict(type='GetBBoxCenterScale'), crop]
    return Compose([*steps, dict(type='BoxToInput', use_udp=use_udp)])(record)


@pytest.mark.parametrize('use_udp', [False, True])
@pytest.mark.parametrize('rotation', [0.0, 33.0, -120.0])
def test_goes_where_the_keypoints_at_its_corners_go(use_udp, rotation):
    record = make_record(bbox_rotation=np.float32([rotation]))
    result = run(record, use_udp)
    assert result['input_box'].shape == (4, 2) and result['input_box'].dtype == np.float32
    np.testing.assert_allclose(
        result['input_box'], result['transformed_keypoints'][0], rtol=0, atol=0.01
    )


@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
def test_flipped_boxes_stay_clockwise(direction):
    flip = dict(type='RandomFlip', prob=1.0, direction=direction)
    result = run(make_record(), before=[flip])
    corners = result['transformed_keypoints'][0]
    box = result['input_box']
    np.testing.assert_allclose(box[0], corners.min(axis=0), atol=0.01)
    np.testing.assert_allclose(box[2], corners.max(axis=0), atol=0.01)
    # Clockwise as seen, y pointing down, is a positive shoelace sum.
    x, y = box.astype(float).T
    assert np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) > 0


@pytest.mark.parametrize('use_udp', [False, True])
def test_encloses_the_box_in_the_picture(use_udp):
    result = run(make_record(bbox_rotation=np.float32([25.0])), use_udp, (128, 128))
    drawn = np.zeros((128, 128), np.uint8)
    cv2.fillPoly(drawn, [np.rint(result['input_box']).astype(int)], 255)
    seen = result['img'][..., 0] > 127
    overlap = (seen & (drawn > 0)).sum() / (seen | (drawn > 0)).sum()
    assert overlap > 0.95


def test_random_scale_and_shift_do_not_part_it_from_the_keypoints():
    init_default_scope('mmpose')
    shake = dict(type='RandomBBoxTransform', rotate_prob=1.0, shift_prob=1.0)
    crop = dict(type='TopdownAffine', input_size=(64, 64))
    steps = [dict(type='GetBBoxCenterScale'), shake, crop, dict(type='BoxToInput')]
    np.random.seed(0)
    for _ in range(5):
        result = Compose(steps)(make_record())
        np.testing.assert_allclose(
            result['input_box'], result['transformed_keypoints'][0], rtol=0, atol=0.01
        )


def test_records_without_keypoints():
    record = make_record()
    expected = run(make_record())['input_box']
    del record['keypoints']
    np.testing.assert_array_equal(run(record)['input_box'], expected)


def test_another_use_udp_is_refused():
    record = TopdownAffine((64, 64), use_udp=True)(GetBBoxCenterScale()(make_record()))
    with pytest.raises(ValueError, match=r'use_udp=False\): .* the same use_udp in both'):
        BoxToInput()(record)
    assert 'input_box' in BoxToInput(use_udp=True)(record)


def test_needs_a_crop_and_a_box():
    with pytest.raises(ValueError, match='no input_center.*TopdownAffine earlier'):
        BoxToInput()(make_record())
    record = run(make_record())
    del record['bbox']
    with pytest.raises(ValueError, match='no bbox'):
        BoxToInput()(record)
