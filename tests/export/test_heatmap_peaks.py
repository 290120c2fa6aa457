import numpy as np
import pytest
import torch
from mmpose.codecs import MSRAHeatmap, RegressionLabel, UDPHeatmap

from kpt_plugins.export.heatmap_peaks import HeatmapPeaks

SIZES = dict(input_size=(96, 64), heatmap_size=(24, 16), sigma=2)
CODECS = {
    'quarter': MSRAHeatmap(**SIZES),
    'DARK': MSRAHeatmap(**SIZES, unbiased=True),
    'DARK for UDP': UDPHeatmap(**SIZES),
}


def heatmaps(number=6, seed=0):
    """Gaussians (B, K, h, w) at random places, the outermost cells among them."""
    rng = np.random.default_rng(seed)
    width, height = SIZES['heatmap_size']
    centres = rng.uniform(0, [width - 1, height - 1], (number, 5, 2))
    centres[0, :4] = [[0, 5], [width - 1, 5], [7, 0], [7, height - 1]]
    x, y = np.moveaxis(centres, -1, 0)[..., None, None]
    columns, rows = np.arange(width), np.arange(height)[:, None]
    maps = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8)
    return torch.from_numpy(maps + 0.01 * rng.random(maps.shape)).float()


@pytest.mark.parametrize('name', CODECS)
def test_equals_the_codec(name):
    codec, maps = CODECS[name], heatmaps()
    points, scores = HeatmapPeaks(codec)(maps)
    for i, one in enumerate(maps):
        expected, values = codec.decode(one.numpy())
        np.testing.assert_allclose(points[i], expected[0], atol=1e-3)
        np.testing.assert_allclose(scores[i], values[0], rtol=1e-6)


@pytest.mark.parametrize('name', CODECS)
def test_refinement_moves_peaks(name):
    codec, maps = CODECS[name], heatmaps()
    points, _ = HeatmapPeaks(codec)(maps)
    cells = points / HeatmapPeaks(codec).scale
    assert (cells != cells.round()).any(-1).float().mean() > 0.5


@pytest.mark.parametrize('name', ['quarter', 'DARK'])
def test_empty_heatmap(name):
    codec = CODECS[name]
    maps = -torch.rand(1, 2, 16, 24)
    points, scores = HeatmapPeaks(codec)(maps)
    expected, _ = codec.decode(maps[0].numpy())
    np.testing.assert_allclose(points[0], expected[0])
    assert (scores < 0).all()


def test_other_codecs_are_refused():
    with pytest.raises(ValueError, match='RegressionLabel'):
        HeatmapPeaks(RegressionLabel((96, 64)))
    with pytest.raises(ValueError, match="UDPHeatmap of type 'combined'"):
        HeatmapPeaks(UDPHeatmap(**SIZES, heatmap_type='combined'))
