"""The ring, against a list that keeps its last entries."""

import pytest
import torch
import torch.nn.functional as F
from mmpose.registry import MODELS
from torch import nn

from kpt_plugins.models.layers import ClutterBank

M, D = 10, 3


def numbered(start, number):
    """Features whose first entry is their number, counted from 1."""
    rows = torch.zeros(number, D)
    rows[:, 0] = torch.arange(start + 1, start + number + 1)
    return rows


@pytest.mark.parametrize('sizes', [(4, 4, 4), (3, 5, 1, 7, 0, 2), (25, 3), (10, 10), (1,)])
def test_holds_the_latest(sizes):
    bank, total = ClutterBank(M, D), 0
    for size in sizes:
        bank.push(numbered(total, size))
        total += size
        assert bank.mem.shape == (M, D)
        filled = min(total, M)
        assert bank.filled.item() == filled and bank.ptr.item() == total % M
        held = sorted(bank.mem[:filled, 0].int().tolist())
        assert held == list(range(total - filled + 1, total + 1))
        assert not bank.mem[filled:].any()


def test_oldest_goes_first():
    bank = ClutterBank(4, D)
    bank.push(numbered(0, 3))
    bank.push(numbered(3, 3))
    assert bank.mem[:, 0].tolist() == [5, 6, 3, 4]


@pytest.mark.parametrize('batch', [2, 3, 4])
def test_fully_replaced_after_enough_batches(batch):
    bank = ClutterBank(M, D)
    bank.push(torch.full((M, D), -1.0))
    for i in range(-(-M // batch)):
        assert (bank.mem == -1).any()
        bank.push(numbered(i * batch, batch))
    assert not (bank.mem == -1).any()


def test_reach_is_what_a_share_of_the_clutter_exceeds():
    bank = ClutterBank(250, D)
    prototypes = F.normalize(torch.randn(3, D, generator=torch.Generator().manual_seed(1)), dim=-1)
    assert torch.equal(bank.reach(prototypes), torch.zeros(3))
    features = F.normalize(torch.randn(200, D, generator=torch.Generator().manual_seed(0)), dim=-1)
    bank.push(features)  # the rest of the bank is empty and does not count
    for share in (0.01, 0.25):
        reach = bank.reach(prototypes, share)
        for prototype, value in zip(prototypes, reach, strict=True):
            assert sum((f @ prototype > value).item() for f in features) == 200 * share


def test_cleared():
    bank = ClutterBank(M, D)
    bank.push(torch.ones(3, D))
    bank.clear()
    assert not any(buffer.any() for buffer in bank.buffers())


def test_takes_no_gradient_and_keeps_its_precision():
    bank = ClutterBank(M, D)
    bank.push(torch.randn(3, D, requires_grad=True).half())
    assert bank.mem.dtype == torch.float32 and not bank.mem.requires_grad
    before = bank.mem.clone()
    assert torch.equal(bank.half().mem, before) and bank.mem.dtype == torch.float32
    assert not list(bank.parameters())


def test_checkpoint():
    bank = ClutterBank(M, D)
    bank.push(numbered(0, 13))
    same = ClutterBank(M, D)
    same.load_state_dict(bank.state_dict())
    bank.push(numbered(13, 2))
    same.push(numbered(13, 2))
    assert torch.equal(same.mem, bank.mem)
    with pytest.raises(ValueError, match='mem .* has 10 clutter features of 3 .* has 11 of 3'):
        nn.Module.load_state_dict(ClutterBank(M + 1, D), bank.state_dict())


def test_bad_size():
    with pytest.raises(ValueError, match='size is 0'):
        MODELS.build(dict(type='ClutterBank', size=0))
