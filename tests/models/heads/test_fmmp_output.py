import pytest
import torch

from kpt_plugins.models.heads.fmmp_output import FMMPOutput, confidence
from tests.models.episodes import SIZES


def test_falls_with_the_movement_of_the_points():
    points = torch.full((3, 1, 3, 2), 0.5)
    points[1, 0, 1] += 0.02
    points[0, 0, 2] += 0.3
    still, little, much = confidence(FMMPOutput(points))[0].tolist()
    assert still == 1 > little > much > 0


def test_falls_with_a_spread_proposal():
    points = torch.full((1, 1, 2, 2), 0.5)
    proposal = torch.full((1, 2, 64), -20.0)
    proposal[0, 0, 27] = 0.0  # next to the middle
    proposal[0, 1, 0] = 0.0  # in a corner
    near, far = confidence(FMMPOutput(points, proposal, points[0], SIZES[-1]))[0].tolist()
    assert near == pytest.approx(1, abs=1e-3) and far < 0.01
