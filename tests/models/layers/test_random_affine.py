import math

import torch

from kpt_plugins.models.layers.gaussian_maps import gaussian_maps
from kpt_plugins.models.layers.random_affine import random_affine, warp, warp_mask


def place_in_image(matrix, x, y):
    """The place of an image, fractions, that a place of the result shows."""
    u, v = matrix @ torch.tensor([2 * x - 1, 2 * y - 1, 1.0])
    return (u.item() + 1) / 2, (v.item() + 1) / 2


def test_range_of_the_matrices():
    torch.manual_seed(0)
    matrices = random_affine(500, 15, 0.25, 1.2, (32, 32))
    scale = torch.linalg.det(matrices[:, :, :2]).sqrt()
    angle = torch.atan2(matrices[:, 1, 0], matrices[:, 0, 0]).rad2deg()
    shift = matrices[:, :, 2] / 2
    for values, low, high in [
        (scale, 1 / 1.2, 1),
        (angle, -15, 15),
        (shift, -0.25, 0.25),
    ]:
        margin = 0.05 * (high - low)
        assert low - 1e-5 <= values.min() < low + margin
        assert high - margin < values.max() <= high + 1e-5


def test_rotation_of_what_is_not_square_keeps_angles():
    height, width = 20, 40
    matrix = random_affine(1, 90, 0, 1.0, (height, width))[0]
    ends = [place_in_image(matrix, *p) for p in [(0.5, 0.5), (0.6, 0.5), (0.5, 0.6)]]
    (cx, cy), (ax, ay), (bx, by) = [(x * width, y * height) for x, y in ends]
    a, b = (ax - cx, ay - cy), (bx - cx, by - cy)
    assert abs(a[0] * b[0] + a[1] * b[1]) < 1e-4
    assert math.isclose(math.hypot(*a), 0.1 * width, rel_tol=1e-4)
    assert math.isclose(math.hypot(*b), 0.1 * height, rel_tol=1e-4)


def test_warp_moves_a_blob_where_the_matrix_says():
    torch.manual_seed(3)
    matrix = random_affine(1, 15, 0.1, 1.2, (64, 64))
    target = (0.45, 0.55)
    source = torch.tensor(place_in_image(matrix[0], *target))
    moved = warp(gaussian_maps(source, 64, 64, 2.0)[None, None], matrix)[0, 0]
    row, column = divmod(moved.argmax().item(), 64)
    assert abs((column + 0.5) / 64 - target[0]) < 1 / 64
    assert abs((row + 0.5) / 64 - target[1]) < 1 / 64


def test_mask_is_where_places_come_from_inside():
    matrix = torch.tensor([[[1.0, 0, 0.5], [0, 1.0, 0]]])
    mask = warp_mask(matrix, (4, 8))[0]
    assert mask[:, :6].all() and not mask[:, 6:].any()
    moved = warp(torch.ones(1, 1, 4, 8), matrix)[0, 0]
    assert (moved[mask] == 1).all() and not moved[:, 7].any()
