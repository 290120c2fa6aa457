"""Cells of boxes against single pixels, and drawn cells against their rules."""

import cv2
import numpy as np
import pytest
import torch

from kpt_plugins.models.heads.clutter_sampling import cells_in_box, sample_clutter

H, W, STRIDE = 9, 12, 8


def rectangle(center, size, degrees):
    corners = cv2.boxPoints((center, size, degrees))
    return torch.from_numpy(corners)


def slow_cells(corners):
    """Cells with a pixel centre, of a 4 times finer grid, in the box."""
    inside = torch.zeros(H, W, dtype=torch.bool)
    polygon = corners.numpy().astype(np.float32).reshape(-1, 1, 2)
    steps = (np.arange(4 * STRIDE) + 0.5) / 4 - 0.5
    for row in range(H):
        for column in range(W):
            inside[row, column] = any(
                cv2.pointPolygonTest(polygon, (column * STRIDE + x, row * STRIDE + y), False) >= 0
                for y in steps[::3]
                for x in steps[::3]
            )
    return inside


@pytest.mark.parametrize('degrees', [0, 20, 45, 90, -70])
@pytest.mark.parametrize('center', [(40, 30), (5, 60)])
def test_cells_that_a_box_touches(degrees, center):
    corners = rectangle(center, (50, 30), degrees)
    found, expected = cells_in_box(corners[None], (H, W), STRIDE)[0], slow_cells(corners)
    # Next to the corners of a turned box a cell may touch all four lines and yet not the box.
    assert (found | ~expected).all()
    assert (found & ~expected).sum() <= (0 if degrees % 90 == 0 else 8)
    assert not found.all()
    reverse = cells_in_box(corners.flip(0)[None], (H, W), STRIDE)[0]
    assert torch.equal(reverse, found)


def test_edges_between_pixels():
    """A box over the pixels 8 to 15, that is from 7.5 to 15.5, and a little less than a cell."""
    box = torch.tensor([[8.0, 8.0], [15.0, 8.0], [15.0, 15.0], [8.0, 15.0]])
    assert cells_in_box(box[None], (H, W), STRIDE)[0].nonzero().tolist() == [[1, 1]]
    assert cells_in_box(box[None] + 1, (H, W), STRIDE)[0].sum() == 4


def test_boxes_that_allow_everything():
    nowhere, beside = torch.zeros(4, 2), rectangle((400, 400), (20, 20), 0)
    assert cells_in_box(torch.stack([nowhere, beside]), (H, W), STRIDE).all()


def scene(keypoints=3, batch=40):
    generator = torch.Generator().manual_seed(0)
    columns = torch.randint(0, W, (batch, keypoints), generator=generator)
    rows = torch.randint(0, H, (batch, keypoints), generator=generator)
    visible = torch.rand(batch, keypoints, generator=generator) < 0.7
    return torch.stack([columns, rows], dim=-1), visible


def allowed(cells, visible, radius):
    """bool (H, W): cells away from the visible keypoints of one image."""
    free = torch.ones(H, W, dtype=torch.bool)
    for (column, row), seen in zip(cells.tolist(), visible.tolist(), strict=True):
        for y in range(H):
            for x in range(W):
                if seen and max(abs(x - column), abs(y - row)) <= radius:
                    free[y, x] = False
    return free


@pytest.mark.parametrize('radius', [0, 1, 2])
def test_drawn_cells_keep_their_distance(radius):
    cells, visible = scene()
    index, used = sample_clutter(cells, visible, (H, W), 6, radius)
    assert used is None and index.shape == (40, 6)
    for b in range(40):
        assert len(set(index[b].tolist())) == 6
        assert allowed(cells[b], visible[b], radius).flatten()[index[b]].all()


def test_all_allowed_cells_are_drawn_alike():
    torch.manual_seed(0)
    cells, visible = torch.tensor([[[3, 2]]]).expand(4000, 1, 2), torch.ones(4000, 1).bool()
    index, _ = sample_clutter(cells, visible, (H, W), 5)
    counts = torch.bincount(index.flatten(), minlength=H * W)
    free = allowed(cells[0], visible[0], 1).flatten()
    assert (counts[~free] == 0).all()
    expected = 4000 * 5 / free.sum()
    assert ((counts[free] - expected).abs() < 6 * expected.sqrt()).all()


@pytest.mark.parametrize('share, wanted', [(0.0, 0), (0.5, 4), (0.25, 2), (1.0, 8)])
def test_share_inside_the_box(share, wanted):
    cells, visible = scene()
    inside = torch.zeros(40, H, W, dtype=torch.bool)
    inside[:, 1:7, 2:9] = True
    index, _ = sample_clutter(cells, visible, (H, W), 8, 1, inside, share)
    for b in range(40):
        assert len(set(index[b].tolist())) == 8
        assert allowed(cells[b], visible[b], 1).flatten()[index[b]].all()
        assert inside[b].flatten()[index[b]].sum() == wanted


@pytest.mark.parametrize('box, counted', [(slice(0, 0), 0), (slice(0, None), 8), (slice(4, 5), 1)])
def test_the_other_side_makes_up_for_a_small_one(box, counted):
    cells, visible = scene()
    inside = torch.zeros(40, H, W, dtype=torch.bool)
    inside[:, box] = True
    if counted == 1:
        inside[:, :, 1:] = False
        cells, visible = cells + 100, visible
    index, used = sample_clutter(cells, visible, (H, W), 8, 1, inside, 0.5)
    for b in range(40):
        assert len(set(index[b].tolist())) == 8
        assert inside[b].flatten()[index[b]].sum() == counted
        assert used is None or used[b].all()


@pytest.mark.parametrize('boxed', [False, True])
def test_too_few_cells_are_told(boxed):
    """Of 9 cells in a 3 x 3 map the keypoint at the corner leaves 5, the one in the middle none."""
    cells = torch.tensor([[[0, 0]], [[1, 1]], [[1, 1]]])
    visible = torch.tensor([[True], [True], [False]])
    inside = torch.ones(3, 3, 3, dtype=torch.bool)
    inside[:, 2] = False
    index, used = sample_clutter(cells, visible, (3, 3), 7, 1, inside if boxed else None)
    assert used.sum(1).tolist() == [5, 0, 7]
    assert sorted(index[0][used[0]].tolist()) == [2, 5, 6, 7, 8]


def test_none_wanted():
    cells, visible = scene()
    assert sample_clutter(cells, visible, (H, W), 0)[0].shape == (40, 0)
