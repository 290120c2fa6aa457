import numpy as np
import pytest

from kpt_plugins.datasets.transforms import RandomScaleRotation


def draw(count=4000, **kwargs):
    """Scale factors and angles of many calls."""
    np.random.seed(0)
    transform = RandomScaleRotation(**kwargs)
    results = [transform(dict(bbox_scale=np.float32([[100, 200]]))) for _ in range(count)]
    scales = np.stack([result['bbox_scale'][0] for result in results])
    np.testing.assert_allclose(scales[:, 1], 2 * scales[:, 0], rtol=1e-6)
    return scales[:, 0] / 100, np.stack([result['bbox_rotation'] for result in results])[:, 0]


def test_clipped_not_truncated():
    """A clipped normal has mass on its limits: 16 % beyond one standard deviation on each side."""
    factors, angles = draw(rotation_prob=1.0)
    assert factors.min() == pytest.approx(0.85) and factors.max() == pytest.approx(1.15)
    assert np.mean(np.isclose(factors, 0.85)) == pytest.approx(0.1587, abs=0.02)
    assert np.mean(np.isclose(factors, 1.15)) == pytest.approx(0.1587, abs=0.02)
    assert angles.min() == -30 and angles.max() == 30
    assert np.mean(angles == 30) == pytest.approx(0.0228, abs=0.01)


def test_distribution_within_the_limits():
    factors, angles = draw(rotation_prob=1.0)
    # P(|N| < 1/2) = 0.383
    assert np.mean(np.abs(factors - 1) < 0.075) == pytest.approx(0.383, abs=0.03)
    assert np.mean(np.abs(angles) < 7.5) == pytest.approx(0.383, abs=0.03)
    assert abs(np.corrcoef(factors, angles)[0, 1]) < 0.06


def test_rotation_probability():
    assert np.mean(draw()[1] != 0) == pytest.approx(0.6, abs=0.03)
    assert not draw(count=50, rotation_prob=0.0)[1].any()


def test_types_and_input_left_alone():
    scale = np.float32([[100, 200]])
    results = RandomScaleRotation()(dict(bbox_scale=scale))
    assert results['bbox_scale'].dtype == results['bbox_rotation'].dtype == np.float32
    assert results['bbox_rotation'].shape == (1,)
    assert scale.tolist() == [[100, 200]]
