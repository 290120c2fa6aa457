"""Cells of keypoints, and peaks of maps of known shape."""

import numpy as np
import pytest
import torch
from mmpose.datasets.transforms import GenerateTarget, PackPoseInputs
from mmpose.registry import KEYPOINT_CODECS

from kpt_plugins.codecs import PrototypeCellCodec
from kpt_plugins.codecs.prototype_cell import mean_peaks

SIZE, STRIDE = (64, 48), 8
W, H = 8, 6


def codec(**options):
    return PrototypeCellCodec(SIZE, STRIDE, **options)


def bumps(points, sigma=1.0, low=-1.0):
    """Maps (K, H, W) of Gaussians between ``low`` and ``low + 0.5`` around points in input pixels.

    Written with loops over cells, from the codec's convention of where a cell's centre is.
    """
    maps = np.zeros((len(points), H, W), np.float32)
    for k, (x, y) in enumerate(points):
        for row in range(H):
            for column in range(W):
                dx = (column * STRIDE + (STRIDE - 1) / 2 - x) / STRIDE
                dy = (row * STRIDE + (STRIDE - 1) / 2 - y) / STRIDE
                maps[k, row, column] = low + 0.5 * np.exp(-(dx**2 + dy**2) / (2 * sigma**2))
    return maps


def points_inside(number=200):
    """Away from the outermost cells, which have a neighbour on one side only."""
    rng = np.random.default_rng(0)
    low, high = STRIDE - 0.5, np.array(SIZE) - STRIDE - 0.5
    return rng.uniform(low, high, (number, 2))


def test_cells_of_pixels():
    """A pixel belongs to the cell that covers its centre: 0..7 to the first, 8..15 to the next."""
    pixels = np.array([[[0, 0], [7, 8], [63, 47], [15.4, 15.6]]])
    encoded = codec().encode(pixels)
    assert encoded['keypoint_labels'].tolist() == [[[0, 0], [0, 1], [7, 5], [1, 2]]]
    assert encoded['keypoint_labels'].dtype == np.int64
    assert encoded['keypoint_positions'].dtype == np.float32
    np.testing.assert_allclose(encoded['keypoint_positions'][0, 1], [7.5 / 8, 8.5 / 8])
    assert encoded['keypoint_weights'].tolist() == [[1, 1, 1, 1]]


def test_keypoints_outside_or_unlabelled_weigh_nothing():
    pixels = np.array([[[-0.6, 5], [-0.4, 5], [63.4, 5], [63.6, 5], [5, 47.6], [np.nan, 5]]])
    encoded = codec().encode(pixels, np.ones((1, 6)))
    assert encoded['keypoint_weights'].tolist() == [[0, 1, 1, 0, 0, 0]]
    cells = encoded['keypoint_labels']
    assert (cells >= 0).all() and (cells < [W, H]).all()
    hidden = codec().encode(pixels, np.array([[1, 0, 1, 1, 1, 1]]))
    assert hidden['keypoint_weights'].tolist() == [[0, 0, 1, 0, 0, 0]]


def test_round_trip_within_half_a_cell():
    points = points_inside()
    encoded = codec().encode(points[None])
    maps = np.zeros((len(points), H, W), np.float32)
    for k, (column, row) in enumerate(encoded['keypoint_labels'][0]):
        maps[k, row, column] = 1
    keypoints, scores = codec(refine=None).decode(maps)
    assert keypoints.shape == (1, len(points), 2) and (scores == 1).all()
    error = np.abs(keypoints[0] - points)
    assert error.max() <= STRIDE / 2
    # not biased by half a cell either
    assert abs((keypoints[0] - points).mean()) < 0.5


@pytest.mark.parametrize('sigma', [0.8, 1.0, 1.5, 3.0])
def test_refined_within_a_pixel(sigma):
    points = points_inside()
    keypoints, _ = codec().decode(bumps(points, sigma))
    assert np.abs(keypoints[0] - points).max() <= 1
    coarse, _ = codec(refine=None).decode(bumps(points, sigma))
    assert np.abs(coarse[0] - points).max() > 3


def test_negative_maps_have_peaks_too():
    """MMPose's ``get_heatmap_maximum`` gives -1 where the largest value is not positive."""
    points = points_inside(20)
    maps = bumps(points, low=-1.0)
    assert maps.max() < 0
    keypoints, scores = codec().decode(maps)
    assert np.abs(keypoints[0] - points).max() <= 1
    np.testing.assert_array_equal(scores[0], maps.reshape(len(points), -1).max(1))


@pytest.mark.parametrize('column, row', [(0, 0), (W - 1, 2), (3, H - 1)])
def test_peak_at_the_border(column, row):
    """It has no neighbour to fit a parabola with, across the border."""
    maps = np.zeros((1, H, W), np.float32)
    maps[0, row, column] = 1
    if row + 1 < H and row > 0:
        maps[0, row + 1, column] = 0.5
    keypoints, _ = codec().decode(maps)
    x, y = keypoints[0, 0]
    assert x == (column + 0.5) * STRIDE - 0.5
    if row in (0, H - 1):
        assert y == (row + 0.5) * STRIDE - 0.5
    else:
        # vertex of the parabola through 0, 1, 0.5: (0.5 - 0) / 2 / (2 - 0.5)
        assert y == pytest.approx((row + 0.5 + 1 / 6) * STRIDE - 0.5)


def test_forbidden_neighbours_and_flat_maps():
    maps = np.full((2, H, W), -np.inf, np.float32)
    maps[0, 2, 3], maps[0, 2, 4] = 1, 0.9
    maps[1] = 0.25
    keypoints, scores = codec().decode(maps)
    np.testing.assert_array_equal(keypoints[0], [[27.5, 19.5], [3.5, 3.5]])
    assert scores.tolist() == [[1, 0.25]]


def test_batches():
    maps = np.stack([bumps(points_inside(5)), bumps(points_inside(5)[::-1])])
    keypoints, scores = codec().batch_decode(torch.from_numpy(maps).requires_grad_())
    for one, keypoint, score in zip(maps, keypoints, scores, strict=True):
        expected = codec().decode(one)
        np.testing.assert_array_equal(keypoint, expected[0])
        np.testing.assert_array_equal(score, expected[1])


def test_through_mmposes_pipeline():
    results = dict(
        img=np.zeros((48, 64, 3), np.uint8),
        keypoints=np.array([[[10.0, 20.0], [70.0, 5.0]]], np.float32),
        keypoints_visible=np.ones((1, 2), np.float32),
    )
    config = dict(type='PrototypeCellCodec', input_size=SIZE, stride=STRIDE)
    packed = PackPoseInputs()(GenerateTarget(encoder=config)(results))
    labels = packed['data_samples'].gt_instance_labels
    assert labels.keypoint_labels[0, 0].tolist() == [1, 2]
    assert labels.keypoint_labels.dtype == torch.int64
    assert labels.keypoint_weights.tolist() == [[1, 0]]
    assert labels.keypoint_positions.shape == (1, 2, 2)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(input_size=(60, 48)), r'input_size is \(60, 48\) and stride is 8'),
        (dict(input_size=(64, 0)), r'input_size is \(64, 0\)'),
        (dict(input_size=SIZE, stride=0), 'stride is 0'),
        (dict(input_size=SIZE, refine='cubic'), "refine is 'cubic'"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        KEYPOINT_CODECS.build(dict(type='PrototypeCellCodec', **options))


def slow_mean_peak(responses, sigma, temperature):
    """Written with loops over cells: place in cells, response and cell."""
    weights = np.exp((responses - responses.max()) / temperature)
    rows, columns = responses.shape
    cells = [(r, c) for r in range(rows) for c in range(columns)]

    def smoothed(r, c):
        near = [(a, b) for a, b in cells if max(abs(a - r), abs(b - c)) <= np.ceil(3 * sigma)]
        return sum(
            weights[a, b] * np.exp(-((a - r) ** 2 + (b - c) ** 2) / (2 * sigma**2)) for a, b in near
        )

    top = max((cell for cell in cells if np.isfinite(responses[cell])), key=lambda x: smoothed(*x))
    radius = np.ceil(1.5 * sigma)
    near = [(a, b) for a, b in cells if max(abs(a - top[0]), abs(b - top[1])) <= radius]
    share = np.array([weights[cell] for cell in near])
    place = (share[:, None] * (np.array(near)[:, ::-1] + 0.5)).sum(axis=0) / share.sum()
    best = max(near, key=lambda cell: responses[cell])
    return place, responses[best], best[0] * columns + best[1]


@pytest.mark.parametrize('sigma, temperature', [(1.0, 0.07), (1.6, 0.3)])
def test_mean_peaks_against_a_slow_reference(sigma, temperature):
    rng = np.random.default_rng(1)
    maps = rng.uniform(-1, 1, (2, 3, H, W))
    maps[:, :, :, :2] = -np.inf
    points, values, index = mean_peaks(torch.from_numpy(maps), sigma, temperature)
    for b in range(2):
        for k in range(3):
            place, value, cell = slow_mean_peak(maps[b, k], sigma, temperature)
            np.testing.assert_allclose(points[b, k], place, atol=1e-9)
            assert values[b, k] == value and index[b, k] == cell


def test_mean_peaks_find_bumps_and_prefer_them_to_a_lone_cell():
    # a bump's tail that the map cuts off would pull the mean
    points = np.array([[31.5, 23.5], [35.5, 19.5], [29, 26]])
    maps = bumps(points, sigma=0.7)
    found, values = codec(refine='mean', sigma=1.0).decode(maps)
    np.testing.assert_allclose(found[0], points, atol=1.5)
    np.testing.assert_allclose(values[0], maps.max(axis=(1, 2)))
    broad = bumps(points, sigma=1.5)
    broad[:, 0, 0] = broad.max() + 0.01
    np.testing.assert_array_equal(codec(refine=None).decode(broad)[0][0], [[3.5, 3.5]] * 3)
    found, _ = codec(refine='mean', sigma=1.0).decode(broad)
    np.testing.assert_allclose(found[0], points, atol=1.5)


@pytest.mark.parametrize('option', ['sigma', 'temperature'])
def test_mean_peaks_need_positive_numbers(option):
    with pytest.raises(ValueError, match=f'{option} is 0'):
        codec(refine='mean', **{option: 0})
