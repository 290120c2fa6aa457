import copy
import time

import cv2
import numpy as np
import pytest
from mmengine.registry import init_default_scope
from mmpose.datasets.transforms import GetBBoxCenterScale, PackPoseInputs, TopdownAffine
from mmpose.registry import TRANSFORMS
from xtcocotools import mask as coco_mask

from kpt_plugins.datasets import LivestockDataset
from kpt_plugins.datasets.transforms import PasteOccluder

RANGES = {1: ((0.2, 0.4), (0.0, 0.2)), 2: ((0.4, 0.6), (0.2, 0.4)), 3: ((0.6, 0.8), (0.4, 0.6))}
KEYS = ('keypoints_occluded', 'occlusion_level', 'object_occluded', 'background_occluded')


def make_record(index=0, height=180, width=240, box=(60.0, 40.0, 170.0, 130.0), **extra):
    """A flat grey image, so that every other pixel is an occluder's."""
    rng = np.random.default_rng(index)
    return dict(
        img=np.full((height, width, 3), 128, np.uint8),
        img_path=f'/data/{index}.jpg',
        img_id=index,
        id=index,
        bbox=np.float32([box]),
        keypoints=rng.uniform((0, 0), (width, height), (1, 40, 2)).astype(np.float32),
        keypoints_visible=np.ones((1, 40), np.float32),
        **extra,
    )


def blob(height=180, width=240):
    """A disc and a bar, as polygons of COCO."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    disc = np.stack([100 + 30 * np.cos(angles), 80 + 30 * np.sin(angles)], 1)
    bar = np.array([(120, 75), (165, 75), (165, 85), (120, 85)])
    polygons = [disc.ravel().tolist(), bar.ravel().tolist()]
    mask = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width)))
    return polygons, mask.astype(bool)


@pytest.fixture
def white_cutouts(tmp_path):
    """A folder with a white ellipse and a white triangle."""
    for name in ('ellipse', 'triangle'):
        picture = np.full((60, 80, 4), (255, 255, 255, 0), np.uint8)
        if name == 'ellipse':
            cv2.ellipse(picture, (40, 30), (35, 25), 0, 0, 360, (255,) * 4, -1, cv2.LINE_AA)
        else:
            cv2.fillPoly(picture, [np.array([(5, 5), (75, 30), (20, 55)])], (255,) * 4)
        cv2.imwrite(str(tmp_path / f'{name}.png'), picture)
    return tmp_path


def measure(image, box, mask=None):
    """Shares of object and background that are white rather than black, pixel by pixel."""
    height, width = image.shape[:2]
    white = image[..., 0] > 127
    x1, y1, x2, y2 = box
    pad_x, pad_y = 0.125 * (x2 - x1), 0.125 * (y2 - y1)
    hits, totals = np.zeros(2), np.zeros(2)
    for y in range(height):
        for x in range(width):
            if not (x1 - pad_x <= x <= x2 + pad_x and y1 - pad_y <= y <= y2 + pad_y):
                continue
            inside = mask[y, x] if mask is not None else x1 <= x <= x2 and y1 <= y <= y2
            totals[0 if inside else 1] += 1
            hits[0 if inside else 1] += white[y, x]
    return hits / totals


@pytest.mark.parametrize('level', [1, 2, 3])
@pytest.mark.parametrize('shape', ['box', 'polygons', 'rle'])
def test_the_shares_are_those_of_the_level(level, shape, white_cutouts):
    polygons, mask = blob()
    extra = {}
    if shape == 'polygons':
        extra['segmentation'] = polygons
    elif shape == 'rle':
        extra['segmentation'] = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    record = make_record(level, **extra)
    record['img'] = np.zeros_like(record['img'])
    result = PasteOccluder(level, occluders=white_cutouts)(record)
    seen = measure(result['img'], record['bbox'][0].tolist(), None if shape == 'box' else mask)
    told = (result['object_occluded'], result['background_occluded'])
    # Two soft edges may be more than half white together.
    np.testing.assert_allclose(told, seen, atol=0.005)
    for share, (low, high) in zip(told, RANGES[level], strict=True):
        assert low <= share <= high
    assert result['occlusion_level'] == level


@pytest.mark.parametrize('level', [1, 2, 3])
def test_all_shares_are_drawn(level):
    """Over many objects of all sizes the ranges are kept, and filled."""
    shares = []
    for index in range(40):
        rng = np.random.default_rng(index)
        width, height = rng.uniform(20, 200, 2)
        x, y = rng.uniform(-10, 100, 2)
        box = np.clip((x, y, x + width, y + height), 0, (239, 179, 239, 179))
        record = make_record(index, box=tuple(box))
        result = PasteOccluder(level)(record)
        shares.append((result['object_occluded'], result['background_occluded']))
    shares = np.array(shares)
    for share, (low, high) in zip(shares.T, RANGES[level], strict=True):
        assert low <= share.min() < low + 0.07 and high - 0.07 < share.max() <= high


def test_level_0_changes_nothing():
    record = make_record()
    before = copy.deepcopy(record)
    result = PasteOccluder(0)(record)
    np.testing.assert_array_equal(result['img'], before['img'])
    assert result['occlusion_level'] == 0
    assert result['object_occluded'] == result['background_occluded'] == 0.0
    assert result['keypoints_occluded'].shape == (1, 40)
    assert result['keypoints_occluded'].dtype == bool and not result['keypoints_occluded'].any()


def test_level_0_leaves_what_a_record_says_of_itself():
    record = make_record()
    own = dict(occlusion_level=2, object_occluded=0.5, background_occluded=0.4)
    result = PasteOccluder(0)(dict(record, **own))
    assert {key: result[key] for key in own} == own


def test_marks_are_the_pixels_of_the_keypoints():
    record = make_record(3)
    before = record['img']
    record['keypoints'] = 0.8 * record['keypoints'] + np.float32((20, 12))
    record['keypoints'][0, :4] = (-0.6, 5), (5, 179.6), (np.nan, 3), (1e9, 9)
    result = PasteOccluder(3)(record)
    changed = np.abs(before.astype(int) - result['img']).max(axis=2) > 12
    near = cv2.dilate(changed.astype(np.uint8), np.ones((3, 3))) > 0
    core = cv2.erode(changed.astype(np.uint8), np.ones((5, 5))) > 0
    marks, counted = result['keypoints_occluded'][0], 0
    assert not marks[:4].any()
    for (x, y), mark in zip(result['keypoints'][0, 4:].tolist(), marks[4:], strict=True):
        column, row = min(int(x + 0.5), 239), min(int(y + 0.5), 179)
        if core[row, column] or not near[row, column]:
            assert mark == core[row, column]
            counted += 1
    assert counted > 20 and 5 < marks.sum() < 35
    assert result['keypoints_visible'].all()


def test_the_dataset_keeps_its_image():
    record = make_record()
    before = record['img']
    assert (PasteOccluder(2)(record)['img'] != before).any()
    assert (before == 128).all()


def test_what_the_record_says_of_real_occlusion_stays():
    marks = np.zeros((1, 40), bool)
    marks[0, ::2] = True
    record = make_record(keypoints_occluded=marks, occlusion_level=2)
    result = PasteOccluder(0)(copy.deepcopy(record))
    assert result['occlusion_level'] == 2
    np.testing.assert_array_equal(result['keypoints_occluded'], marks)
    result = PasteOccluder(1)(copy.deepcopy(record))
    assert result['occlusion_level'] == 1
    plain = PasteOccluder(1)(make_record())['keypoints_occluded']
    np.testing.assert_array_equal(result['keypoints_occluded'], marks | plain)
    assert plain[0, 1::2].any()


def test_same_record_same_occluders_whatever_came_before():
    transform = PasteOccluder(2, seed=5)
    first = transform(make_record(7))['img']
    for index in range(3):
        transform(make_record(index))
    np.random.seed(1)
    moved = make_record(7) | dict(img_path='/elsewhere/7.jpg')
    np.testing.assert_array_equal(transform(moved)['img'], first)
    np.testing.assert_array_equal(PasteOccluder(2, seed=5)(make_record(7))['img'], first)


def test_seed_level_image_and_instance_matter():
    base = PasteOccluder(2)(make_record(7))['img']
    others = [
        PasteOccluder(2, seed=1)(make_record(7)),
        PasteOccluder(3)(make_record(7)),
        PasteOccluder(2)(make_record(7) | dict(id=8)),
        PasteOccluder(2)(make_record(7) | dict(img_id=8)),
    ]
    pictures = [base, *(result['img'] for result in others)]
    for i, first in enumerate(pictures):
        assert all((first != second).any() for second in pictures[:i])


def test_records_without_ids_go_by_the_name_of_the_file():
    def picture(path):
        record = make_record()
        del record['img_id'], record['id']
        return PasteOccluder(1)(record | dict(img_path=path))['img']

    assert (picture('/a/1.jpg') == picture('/b/1.jpg')).all()
    assert (picture('/a/1.jpg') != picture('/a/2.jpg')).any()


def test_objects_of_a_few_pixels_get_the_nearest_share():
    for box in ((50.2, 50.2, 50.6, 50.6), (10, 10, 12, 11), (236.5, 176.5, 239, 179)):
        result = PasteOccluder(2)(make_record(box=box))
        assert 0 <= result['object_occluded'] <= 1


def test_an_object_that_fills_the_image_has_no_background():
    result = PasteOccluder(2)(make_record(box=(0, 0, 239, 179)))
    assert 0.4 <= result['object_occluded'] <= 0.6
    assert np.isnan(result['background_occluded'])


@pytest.mark.parametrize('size', [(40, 50), (1000, 1400)])
def test_small_and_large_images(size):
    height, width = size
    box = (0.2 * width, 0.2 * height, 0.8 * width, 0.7 * height)
    result = PasteOccluder(3)(make_record(height=height, width=width, box=box))
    assert 0.6 <= result['object_occluded'] <= 0.8
    assert 0.4 <= result['background_occluded'] <= 0.6


def test_float_images():
    record = make_record()
    expected = PasteOccluder(2)(make_record())['img']
    record['img'] = record['img'].astype(np.float32)
    result = PasteOccluder(2)(record)['img']
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=1.01)


@pytest.mark.parametrize('segmentation', [None, [], [[0.0, 0.0, 3.0, 0.0, 3.0, 3.0]]])
def test_a_segmentation_outside_the_box_counts_as_none(segmentation):
    expected = PasteOccluder(2)(make_record())['img']
    result = PasteOccluder(2)(make_record(segmentation=segmentation))['img']
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    ('extra', 'words'),
    [
        (dict(segmentation=[['a', 'b']]), '5.jpg, instance 5: the segmentation is neither'),
        (dict(segmentation=dict(size=[9, 9])), '5.jpg.*the segmentation is neither'),
        (
            dict(segmentation=coco_mask.encode(np.zeros((9, 8), np.uint8, 'F'))),
            'segmentation is 8 x 9 pixels, the image 240 x 180',
        ),
        (dict(bbox=np.float32([[300, 10, 320, 40]])), r'box \[300.* no pixel inside the image'),
        (dict(bbox=np.zeros((2, 4))), r'one box \(1, 4\).*got \(2, 4\)'),
        (dict(img=np.zeros((9, 9), np.uint8)), r'an image \(H, W, 3\), got \(9, 9\)'),
        (dict(img=[np.zeros((9, 9, 3))]), 'got list'),
        (dict(flip=True), 'flipped or cropped before .flip is there.; it belongs right after'),
    ],
)
def test_records_that_cannot_be_occluded(extra, words):
    record = make_record(5) | extra
    with pytest.raises(ValueError, match=words):
        PasteOccluder(1)(record)


def test_a_crop_is_too_late():
    record = TopdownAffine((64, 64))(GetBBoxCenterScale()(make_record()))
    with pytest.raises(ValueError, match='cropped before .transformed_keypoints is there'):
        PasteOccluder(1)(record)


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        (dict(level=4), 'level=4: expected 0, 1, 2 or 3'),
        (dict(level='1'), "level='1': expected"),
        (dict(level=True), 'level=True: expected'),
        (dict(seed=-1), 'seed=-1: expected an integer'),
        (dict(seed=0.5), 'seed=0.5: expected an integer'),
    ],
)
def test_wrong_arguments(options, words):
    with pytest.raises(ValueError, match=words):
        PasteOccluder(**options)


def test_cut_outs_of_a_folder(tmp_path):
    picture = np.zeros((40, 60, 4), np.uint8)
    cv2.ellipse(picture, (30, 20), (28, 18), 0, 0, 360, (255, 0, 255, 255), -1)
    cv2.imwrite(str(tmp_path / 'a.png'), picture)
    result = PasteOccluder(2, occluders=tmp_path)(make_record())
    pixels = result['img'].reshape(-1, 3)
    pure = (pixels == (255, 0, 255)).all(axis=1).mean()
    clean = (pixels == 128).all(axis=1).mean()
    assert pure > 0.1 and clean > 0.1 and pure + clean > 0.9
    assert 0.4 <= result['object_occluded'] <= 0.6


def test_a_folder_without_cut_outs_is_refused_at_once(tmp_path):
    with pytest.raises(FileNotFoundError, match='no image in it'):
        PasteOccluder(1, occluders=tmp_path)
    cv2.imwrite(str(tmp_path / 'flat.png'), np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(ValueError, match='flat.png has no alpha channel'):
        PasteOccluder(1, occluders=tmp_path)


def test_in_a_pipeline():
    init_default_scope('mmpose')
    assert isinstance(TRANSFORMS.build(dict(type='PasteOccluder', level=2)), PasteOccluder)
    record = PasteOccluder(2)(make_record())
    record = TopdownAffine((64, 64))(GetBBoxCenterScale()(record))
    sample = PackPoseInputs(meta_keys=('id', *KEYS))(record)['data_samples']
    assert set(sample.metainfo_keys()) == {'id', *KEYS}
    assert sample.keypoints_occluded.shape == (1, 40)


def test_quick():
    """A few milliseconds an image of 256 pixels; generously, for a busy machine."""
    record = make_record(height=256, width=256, box=(40, 40, 220, 200))
    transform = PasteOccluder(3)
    transform(dict(record))
    times = []
    for index in range(10):
        start = time.process_time()
        transform(record | dict(img_id=index))
        times.append(time.process_time() - start)
    assert np.median(times) < 0.05


def test_livestock(kpt_data):
    init_default_scope('mmpose')
    dataset = LivestockDataset(
        data_root=str(kpt_data / 'livestock'),
        ann_file='annotations/cattle_test.json',
        data_prefix=dict(img='images/'),
        test_mode=True,
        pipeline=[dict(type='LoadImage')],
    )
    for level, ranges in RANGES.items():
        transform, marked = PasteOccluder(level), []
        for index in range(25):
            result = transform(dataset[index])
            shares = (result['object_occluded'], result['background_occluded'])
            for share, (low, high) in zip(shares, ranges, strict=True):
                assert low <= share <= high
            marked.append(result['keypoints_occluded'].mean())
        low, high = ranges[0]
        assert low - 0.1 < np.mean(marked) < high + 0.1
