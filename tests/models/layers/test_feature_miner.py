import math

import pytest
import torch

from benchmarks.straightforward_fmmp import mine
from kpt_plugins.models.layers.deformable_sampling import Tokens
from kpt_plugins.models.layers.feature_miner import FeatureMiner

SIZES = ((2, 3), (4, 6), (8, 12))


def miner_and_inputs(batch=2, size=6, dims=16, dtype=torch.float64, **kwargs):
    """A miner with random parameters throughout, and all that it takes; points lie outside too."""
    torch.manual_seed(0)
    options = dict(dims=dims, num_heads=2, num_samples=2, num_references=8, dropout=0.0)
    miner = FeatureMiner(**{**options, **kwargs}).to(dtype)
    for parameter in miner.parameters():
        parameter.data += 0.4 * dims**-0.5 * torch.randn_like(parameter)
    maps = [torch.randn(batch, dims, *hw, dtype=dtype) for hw in SIZES]
    inputs = dict(
        features=torch.randn(batch, size, dims, dtype=dtype),
        position=torch.randn(batch, size, dims, dtype=dtype),
        points=torch.rand(batch, size, 2, dtype=dtype) * 1.3 - 0.15,
        references=torch.randint(size, (batch, size, miner.num_references)),
        ignore=torch.rand(batch, size) < 0.3,
    )
    inputs['ignore'][:, 0] = False
    return miner, maps, inputs


def run(miner, maps, inputs):
    return miner(tokens=Tokens.from_maps(maps), **inputs)


@pytest.mark.parametrize('num_references', [1, 2, 8])
@pytest.mark.parametrize('masked', [False, True])
def test_equals_one_attention_after_the_other(num_references, masked):
    miner, maps, inputs = miner_and_inputs(num_references=num_references)
    if not masked:
        inputs['ignore'] = None
    leaves = [*maps, inputs['features'], inputs['position'], inputs['points'], *miner.parameters()]
    for leaf in leaves:
        leaf.requires_grad_()
    weight = torch.randn_like(inputs['features'])

    result, expected = run(miner, maps, inputs), mine(miner, maps=maps, **inputs)
    torch.testing.assert_close(result, expected, atol=1e-9, rtol=1e-9)
    gradients, expected_gradients = (
        torch.autograd.grad((out * weight).sum(), leaves) for out in (result, expected)
    )
    for gradient, reference in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, reference, atol=1e-8, rtol=1e-8)


def test_equals_in_single_precision_and_published_size():
    miner, maps, inputs = miner_and_inputs(
        batch=1, size=70, dims=256, num_heads=8, num_samples=4, dtype=torch.float32
    )
    with torch.no_grad():
        result, expected = run(miner, maps, inputs), mine(miner, maps=maps, **inputs)
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-5)


def test_shared_maps_equal_repeated_ones():
    miner, maps, inputs = miner_and_inputs(batch=6)
    shared = [level[:2] for level in maps]
    repeated = [level.repeat_interleave(3, dim=0) for level in shared]
    torch.testing.assert_close(run(miner, shared, inputs), run(miner, repeated, inputs))


def test_parameters():
    """Section 2.9: one miner, its eight attentions and its side projection."""
    miner = FeatureMiner()
    count = {
        name: sum(p.numel() for p in module.parameters()) for name, module in miner.named_children()
    }
    attentions = sum(count[n] for n in ('sampling_offsets', 'sampling_weights', 'values'))
    attentions += miner.outputs.numel() + miner.output_bias.numel()
    assert attentions == 8 * 205_600
    assert count['side_projection'] == 459_008
    assert sum(p.numel() for p in miner.parameters()) == 2_632_192


def test_initial_offsets_are_a_ring_and_weights_even():
    miner = FeatureMiner()
    assert not miner.sampling_offsets.weight.any()
    assert not miner.sampling_weights.weight.any() and not miner.sampling_weights.bias.any()
    offsets = miner.sampling_offsets.bias.view(8, 8, 3, 4, 2)
    for head in range(8):
        direction = torch.tensor(
            [math.cos(2 * math.pi * head / 8), math.sin(2 * math.pi * head / 8)]
        )
        direction /= direction.abs().max()
        for point in range(4):
            expected = ((point + 1) * direction).expand(8, 3, 2)
            torch.testing.assert_close(offsets[:, head, :, point], expected)


def test_initial_projections_are_xavier_of_one_attention():
    miner = FeatureMiner()
    limit = (6 / 512) ** 0.5
    for weight in (*miner.values.weight.flatten(1).chunk(8), *miner.outputs):
        assert 0.95 * limit < weight.abs().max() <= limit
    assert not miner.values.bias.any() and not miner.output_bias.any()
    # not zero, which before a ReLU would never learn
    assert miner.side_projection.weight.abs().mean() > 0.01


def test_ignored_keypoints_do_not_change_the_others():
    miner, maps, inputs = miner_and_inputs()
    ignore = torch.zeros(2, 6, dtype=torch.bool)
    ignore[:, 4] = True
    own = torch.arange(6)[:, None].expand(2, 6, 8)  # references would pass on the point
    inputs.update(ignore=ignore, references=own)
    before = run(miner, maps, inputs)
    inputs['features'][:, 4] += 1
    after = run(miner, maps, inputs)
    others = [0, 1, 2, 3, 5]
    torch.testing.assert_close(before[:, others], after[:, others])
    assert (before[:, 4] - after[:, 4]).abs().max() > 1e-3


def test_all_ignored_is_no_nan():
    miner, maps, inputs = miner_and_inputs()
    inputs['ignore'] = torch.tensor([[True] * 6, [False] * 6])
    result = run(miner, maps, inputs)
    assert result.isfinite().all()
    inputs['ignore'] = None
    torch.testing.assert_close(result, run(miner, maps, inputs))


def test_first_reference_is_looked_at_apart_from_the_others():
    """Branch 0 joins as it is, the others through one projection with a ReLU."""
    miner, maps, inputs = miner_and_inputs()
    miner.side_projection.bias.data.fill_(-1e9)
    before = run(miner, maps, inputs)
    inputs['references'][:, :, 1:] = 0
    torch.testing.assert_close(before, run(miner, maps, inputs))
    inputs['references'][:, :, 0] = 0
    assert (before - run(miner, maps, inputs)).abs().max() > 1e-3


def test_dropout_is_off_in_evaluation():
    miner, maps, inputs = miner_and_inputs(dropout=0.5)
    assert (run(miner, maps, inputs) != run(miner, maps, inputs)).any()
    miner.eval()
    torch.testing.assert_close(run(miner, maps, inputs), run(miner, maps, inputs))


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(dims=30, num_heads=4), 'dims=30 cannot be shared by num_heads=4 evenly'),
        (dict(num_heads=0), 'num_heads=0, expected a whole number, at least 1'),
        (dict(num_levels=-1), 'num_levels=-1, expected a whole number, at least 1'),
        (dict(num_samples=2.0), 'num_samples=2.0, expected a whole number, at least 1'),
        (dict(num_references=0), 'num_references=0, expected a whole number, at least 1'),
        (dict(dropout=1.5), 'dropout=1.5, expected 0 to 1'),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(ValueError, match=f'FeatureMiner: {message}'):
        FeatureMiner(**{**dict(dims=16, num_heads=2), **options})
