import pytest
import torch

from .loading import load_benchmark

association = load_benchmark('ikl_association')


def test_row():
    errors = association.Errors(torch.tensor([0.0, 1, 2, 5, 9]), torch.tensor([3.0, 2, 2, 1, 20]))
    assert errors.row() == ['5', '40', '60', '20', '60', '2, KA-Net nearer in 1']


def test_peaks():
    heatmaps = torch.zeros(1, 2, 3, 4)
    heatmaps[0, 0, 2, 1] = heatmaps[0, 1, 0, 3] = 1
    assert association.peaks(heatmaps).tolist() == [[[1, 2], [3, 0]]]


def test_a_step_without_ka_net(tmp_path):
    with pytest.raises(FileNotFoundError, match='association.pth: the step was trained without'):
        association.load_step(tmp_path)
