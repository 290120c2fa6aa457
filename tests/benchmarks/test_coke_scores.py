"""Scores of a CoKe detector compared on drawn images behind occluders."""

import pytest
import torch

from tests.models.coke_runs import model_config, runner, write_dots

from .loading import load_benchmark

tool = load_benchmark('coke_scores')


def test_the_heads_own_score_is_among_them(tmp_path):
    root = write_dots(tmp_path / 'data')
    hooks = [dict(type='BankRefreshHook')]
    run = runner(root, tmp_path / 'run', 1, hooks, model=model_config())
    run.train()
    found = tool.measure(run.cfg, str(tmp_path / 'run' / 'epoch_1.pth'))
    assert len(found) == 9 and all(0 <= value <= 100 for value in found.values())
    # a sigmoid keeps the order
    assert found['used'] == pytest.approx(found['r - (c + m) / 2'], abs=0.5)


def test_share_is_that_around_the_place(tmp_path):
    run = runner(write_dots(tmp_path / 'data'), tmp_path / 'run', 1, [], model=model_config())
    head = run.model.head
    head.bank.theta[:, 0] = head.bank.mu[:, 0] = 1
    head.clutter.push(torch.nn.functional.normalize(torch.randn(9, 16), dim=1))
    responses = torch.full((1, 4, 8, 8), -30.0)
    responses[:, :, 4, 3] = 1.0
    found = tool.candidates(head, torch.randn(1, 16, 8, 8), responses)
    torch.testing.assert_close(
        found['share of the response around the place'], torch.ones(1, 4), atol=1e-4, rtol=0
    )
    assert (found['r'] == 1).all() and torch.allclose(found['r - m'], torch.zeros(1, 4))
