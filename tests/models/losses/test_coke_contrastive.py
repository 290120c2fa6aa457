"""CoKe's losses against loops in numpy."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmpose.registry import MODELS

from kpt_plugins.models.layers import ClutterBank, PrototypeBank
from kpt_plugins.models.losses import CoKeContrastiveLoss

B, K, D, M, NOISE, H, W = 3, 5, 8, 12, 4, 6, 7
TAU, OMEGA = 0.07, 5e-3


def unit(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return F.normalize(torch.randn(*shape, generator=generator), dim=-1)


def inputs(**changes):
    generator = torch.Generator().manual_seed(7)
    cells = torch.randint(0, 4, (B, K, 2), generator=generator)
    cells[1, 3:] = torch.tensor([[1, 2], [3, 3]])  # diagonal neighbours of (0, 1) and (2, 2)
    values = dict(
        features=unit(B, K, D),
        cells=cells,
        visible=torch.rand(B, K, generator=generator) < 0.7,
        prototypes=unit(K, D),
        noise=unit(B, NOISE, D),
        noise_used=None,
        clutter=unit(M, D),
        filled=M,
        responses=None,
        index=cells[..., 1] * W + cells[..., 0],
    )
    values.update(changes)
    return values


def slow_contrast(features, cells, visible, prototypes, clutter, filled, distance=1.0, **_):
    """Section 3.2 of the specification, one keypoint after the other."""
    f, x, theta, c = (np.asarray(v, np.float64) for v in (features, cells, prototypes, clutter))
    losses = []
    for n in range(B):
        table = theta[n] if theta.ndim == 3 else theta
        for k in range(K):
            if not visible[n, k] or not table[k].any():
                continue
            total = np.exp(f[n, k] @ table[k] / TAU)
            for j in range(K):
                near = visible[n, j] and np.linalg.norm(x[n, j] - x[n, k]) <= distance
                if j != k and not near and table[j].any():
                    total += np.exp(f[n, k] @ table[j] / TAU)
            for m in range(int(filled)):
                total += OMEGA * np.exp(f[n, k] @ c[m] / TAU)
            losses.append(np.log(total) - f[n, k] @ table[k] / TAU)
    return np.mean(losses)


@pytest.mark.parametrize('distance', [-1.0, 0.0, 1.0, 1.5])
@pytest.mark.parametrize('filled', [0, 5, M])
def test_contrast(distance, filled):
    values = inputs(filled=torch.tensor(filled))
    losses = CoKeContrastiveLoss(near_distance=distance)(**values)
    assert losses['loss_contrast'].item() == pytest.approx(
        slow_contrast(distance=distance, **values), rel=1e-4
    )
    assert set(losses) == {'loss_contrast', 'loss_clutter'}


def test_contrast_cases_differ():
    """What the test above distinguishes does make a difference."""
    found = {
        round(CoKeContrastiveLoss(near_distance=d)(**inputs(filled=n))['loss_contrast'].item(), 5)
        for d in (-1.0, 0.0, 1.0, 1.5)
        for n in (0, 5, M)
    }
    assert len(found) == 12


def test_prototypes_of_each_image():
    values = inputs(prototypes=unit(B, K, D))
    assert CoKeContrastiveLoss()(**values)['loss_contrast'].item() == pytest.approx(
        slow_contrast(**values), rel=1e-4
    )


@pytest.mark.parametrize('prototypes', [unit(K, D), unit(B, K, D)])
def test_unseen_prototypes_are_left_out(prototypes):
    prototypes = prototypes.clone()
    prototypes[..., 2, :] = 0
    values = inputs(prototypes=prototypes)
    losses = CoKeContrastiveLoss()(**values)
    assert losses['loss_contrast'].item() == pytest.approx(slow_contrast(**values), rel=1e-4)
    # the regulariser's mean is that of the prototypes seen
    rest = torch.cat([prototypes[..., :2, :], prototypes[..., 3:, :]], dim=-2)
    expected = CoKeContrastiveLoss()(
        **inputs(prototypes=rest.expand(B, -1, -1)[:, [0, 0, 1, 2, 3]])
    )
    cosines = (values['noise'][:, :, None] * rest.expand(B, K - 1, D)[:, None]).sum(-1)
    assert losses['loss_clutter'].item() == pytest.approx(0.1 * cosines.mean().item(), abs=1e-6)
    assert losses['loss_clutter'].item() != pytest.approx(expected['loss_clutter'].item(), abs=1e-6)


def test_is_plain_cross_entropy_without_clutter_and_neighbours():
    values = inputs(visible=torch.ones(B, K, dtype=torch.bool), clutter=None, filled=0)
    loss = CoKeContrastiveLoss(near_distance=-1)(**values)['loss_contrast']
    logits = values['features'] @ values['prototypes'].T / TAU
    expected = F.cross_entropy(logits.flatten(0, 1), torch.arange(K).repeat(B))
    torch.testing.assert_close(loss, expected)
    no_weight = CoKeContrastiveLoss(near_distance=-1, clutter_weight=0)
    values = inputs(visible=values['visible'])
    torch.testing.assert_close(no_weight(**values)['loss_contrast'], expected)


def test_empty_clutter_bank_leaves_its_term_out():
    features = unit(B, K, D).requires_grad_()
    bank = ClutterBank(M, D)
    empty = inputs(features=features, clutter=bank.mem, filled=bank.filled)
    without = inputs(features=features, clutter=None)
    losses = [CoKeContrastiveLoss()(**v)['loss_contrast'] for v in (empty, without)]
    torch.testing.assert_close(*losses)
    grads = [torch.autograd.grad(loss, features)[0] for loss in losses]
    torch.testing.assert_close(*grads)
    assert grads[0].any()


@pytest.mark.parametrize('used', [None, torch.rand(B, NOISE) < 0.5])
def test_clutter_regulariser(used):
    values = inputs(noise_used=used)
    cosines = [
        (values['noise'][b, n] @ values['prototypes'][k]).item()
        for b in range(B)
        for n in range(NOISE)
        for k in range(K)
        if used is None or used[b, n]
    ]
    loss = CoKeContrastiveLoss(reg_weight=0.3)(**values)['loss_clutter']
    assert loss.item() == pytest.approx(0.3 * np.mean(cosines), abs=1e-6)


def test_spatial_term():
    responses = torch.rand(B, K, H * W, generator=torch.Generator().manual_seed(3)) * 2 - 1
    values = inputs(responses=responses)
    loss = CoKeContrastiveLoss(spatial_weight=0.5)(**values)['loss_spatial']
    expected = []
    for b in range(B):
        for k in range(K):
            if values['visible'][b, k]:
                column, row = values['cells'][b, k]
                logits = responses[b, k].view(H, W) / TAU
                expected.append((logits.exp().sum().log() - logits[row, column]).item())
    assert loss.item() == pytest.approx(0.5 * np.mean(expected), rel=1e-5)


def test_without_visible_keypoints_everything_is_zero_but_has_a_graph():
    features, noise = unit(B, K, D).requires_grad_(), unit(B, NOISE, D).requires_grad_()
    values = inputs(
        features=features,
        noise=noise,
        visible=torch.zeros(B, K, dtype=torch.bool),
        responses=(features.sum(-1, keepdim=True) * torch.rand(H * W)),
    )
    losses = CoKeContrastiveLoss(spatial_weight=1)(**values)
    assert losses['loss_contrast'] == 0 and losses['loss_spatial'] == 0
    sum(losses.values()).backward()
    assert not features.grad.any() and noise.grad.any()


def test_unseen_banks_teach_nothing():
    features, noise = unit(B, K, D).requires_grad_(), unit(B, NOISE, D).requires_grad_()
    values = inputs(features=features, noise=noise, prototypes=PrototypeBank(K, D).prototypes())
    losses = CoKeContrastiveLoss()(**values)
    assert all(value == 0 for value in losses.values())
    sum(losses.values()).backward()
    assert not features.grad.any() and not noise.grad.any()


def test_no_clutter_cells():
    values = inputs(noise=torch.zeros(B, 0, D))
    assert CoKeContrastiveLoss()(**values)['loss_clutter'] == 0
    values = inputs(noise_used=torch.zeros(B, NOISE, dtype=torch.bool))
    assert CoKeContrastiveLoss()(**values)['loss_clutter'] == 0


def test_gradients():
    """Against finite differences, in double precision; only the features have any."""
    values = {
        name: value.double()
        if isinstance(value, torch.Tensor) and value.is_floating_point()
        else value
        for name, value in inputs(filled=7).items()
    }
    loss = CoKeContrastiveLoss(temperature=0.5, clutter_weight=0.5, spatial_weight=1)

    def total(features, noise, responses):
        changed = dict(values, features=features, noise=noise, responses=responses)
        return sum(loss(**changed).values())

    leaves = [values['features'], values['noise'], torch.randn(B, K, H * W).double()]
    assert torch.autograd.gradcheck(total, [leaf.requires_grad_() for leaf in leaves])


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(temperature=0), 'temperature is 0'),
        (dict(clutter_weight=-1), 'clutter_weight is -1'),
        (dict(reg_weight=-0.1), 'reg_weight is -0.1'),
        (dict(spatial_weight=-2), 'spatial_weight is -2'),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(dict(type='CoKeContrastiveLoss', **options))
