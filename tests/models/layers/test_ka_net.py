import pytest
import torch
from mmpose.registry import MODELS

from kpt_plugins.models.layers import KANet

from ..losses.test_distillation import gaussian


def network(**options):
    """Deterministic and in evaluation mode."""
    torch.manual_seed(0)
    net = MODELS.build(dict(type='KANet', in_channels=3, hidden_channels=8, **options))
    net.init_weights()
    return net.eval()


def inputs(num_triplets=1, size=64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(2, 3, size, size, generator=generator)
    heats = torch.rand(2, 2, num_triplets, size, size, generator=generator)
    return features, *heats.unbind(0)


@pytest.mark.parametrize('concat_raw', [False, True])
def test_equals_its_definition(concat_raw):
    net = network(num_triplets=2, concat_raw=concat_raw)
    features, first, second = inputs(2, 16)
    result = net(features, first, second)
    assert result.shape == (2, 2, 16, 16)
    for b in range(2):
        for n in range(2):
            gated = [features[b] * first[b, n], features[b] * second[b, n]]
            gated += [features[b]] if concat_raw else []
            expected = net.predictors[n](torch.cat(gated)[None])[0, 0]
            assert torch.allclose(result[b, n], expected, atol=1e-6)


def reach(net, size=64):
    """Largest distance along an axis at which one cell of the input changes the output."""
    features, heat = torch.ones(1, 3, size, size), torch.zeros(1, 1, size, size)
    impulse = heat.clone()
    impulse[..., size // 2, size // 2] = 1
    changed = (net(features, impulse, heat) - net(features, heat, heat)).abs()[0, 0] > 0
    assert changed.any()
    rows, columns = changed.nonzero().unbind(1)
    return max((rows - size // 2).abs().max().item(), (columns - size // 2).abs().max().item())


def open_gates(net):
    """Positive weights everywhere, so that no cell of the receptive field is cut off by a ReLU."""
    for parameter in net.parameters():
        torch.nn.init.constant_(parameter, 0.01)
    return net


def test_receptive_field_of_the_defaults():
    """The whole field, both sides and the centre: at least 40 cells of 64."""
    assert reach(open_gates(network())) == 27
    assert 2 * 27 + 1 >= 40
    assert reach(open_gates(network(kernel_sizes=(3, 3, 3), dilations=(1, 1, 1)))) == 3


def test_sees_nothing_away_from_the_new_keypoints():
    net = network()
    features = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    features.requires_grad_()
    heats = [gaussian(centre) for centre in ((10, 20), (50, 30))]
    heats = [(heat * (heat > heat.max() * 0.011))[None, None] for heat in heats]  # cut at 3 sigma
    net(features, *heats).square().sum().backward()
    seen = (heats[0] + heats[1])[0, 0] > 0
    assert 0 < seen.float().mean() < 0.1
    assert not features.grad[..., ~seen].any()
    assert features.grad[..., seen].all()


def test_raw_features_are_seen_everywhere():
    features, first, second = inputs()
    features.requires_grad_()
    network(concat_raw=True)(features, first * 0, second * 0).square().sum().backward()
    assert features.grad.any(1).all()


def test_triplets_do_not_share():
    net = network(num_triplets=2)
    features, first, second = inputs(2, 16)
    result = net(features, first, second)
    first[:, 1] += 1
    changed = net(features, first, second)
    assert torch.equal(changed[:, 0], result[:, 0])
    assert not torch.equal(changed[:, 1], result[:, 1])
    net(features, first, second)[:, 0].sum().backward()
    with_gradient = [any(p.grad.any() for p in part.parameters()) for part in net.predictors]
    assert with_gradient == [True, False]


def test_starts_flat_and_learns():
    """From two points to their middle, which lies outside both Gaussians."""
    generator = torch.Generator().manual_seed(1)
    net = network(kernel_sizes=(7, 7, 7), dilations=(1, 2, 2)).train()
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    middle = torch.randint(12, 20, (16, 2), generator=generator)
    targets = torch.stack([gaussian(m) for m in middle])[:, None, :32, :32]
    first = torch.stack([gaussian(m - 8) for m in middle])[:, None, :32, :32]
    second = torch.stack([gaussian(m + 8) for m in middle])[:, None, :32, :32]
    features = torch.ones(16, 3, 32, 32)
    assert net(features, first, second).abs().max() < 0.5
    for _ in range(25):
        loss = (net(features, first, second) - targets).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    cells = net(features, first, second).flatten(1).argmax(1)
    found = torch.stack([cells % 32, cells // 32], 1)
    assert (found - middle).abs().max() <= 2


def test_user_s_initialisation_is_kept():
    net = KANet(3, init_cfg=dict(type='Constant', layer='Conv2d', val=0.25))
    net.init_weights()
    assert all((p == 0.25).all() for name, p in net.named_parameters() if name.endswith('6.weight'))


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(kernel_sizes=(7, 7), dilations=(1, 4, 4)), r'\(7, 7\) and dilations \(1, 4, 4\)'),
        (dict(kernel_sizes=(), dilations=()), 'same length'),
        (dict(num_triplets=0), 'num_triplets is 0; expected 1 or more'),
        (dict(kernel_sizes=(7, 4, 7)), r'\(7, 4, 7\) must be odd'),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        KANet(3, **options)


@pytest.mark.parametrize('number, size', [(2, 16), (1, 8)])
def test_heatmaps_of_another_size(number, size):
    features, *_ = inputs(size=16)
    _, first, second = inputs(number, size)
    with pytest.raises(ValueError, match=r'\(2, 3, 16, 16\).*\(2, 1, 16, 16\)'):
        network()(features, first, second)
