import pytest
import torch

from benchmarks.straightforward_fmmp import StraightforwardFMMPHead
from kpt_plugins.models.heads.fmmp_head import (
    FMMPHead,
    inverse_sigmoid,
    visible_mean,
)
from kpt_plugins.models.heads.fmmp_output import confidence
from tests.models.episodes import SIZES, random_episodes, random_pyramid, randomise

SMALL = dict(dims=16, num_heads=2, num_samples=2, dropout=0.0)


def small_head(random=True, cls=FMMPHead, **kwargs):
    torch.manual_seed(0)
    head = cls(**{**SMALL, **kwargs})
    return randomise(head) if random else head


def inputs(batch=2, shots=1, **kwargs):
    generator = torch.Generator().manual_seed(1)
    support = random_pyramid(batch * shots, generator=generator)
    return (support, random_pyramid(batch, generator=generator)), random_episodes(
        batch, shots, **kwargs
    )


def subset(feats, episode, samples, shots=1):
    """Some samples of a batch."""
    support, query = feats
    support = [level.unflatten(0, (-1, shots))[samples].flatten(0, 1) for level in support]
    return (support, [level[samples] for level in query]), {
        k: v[samples] for k, v in episode.items()
    }


class TestPublishedFacts:
    def test_parameters(self):
        assert sum(p.numel() for p in FMMPHead().parameters()) == 16_518_406

    def test_everything_is_one_half_at_initialisation(self):
        points = small_head(random=False)(*inputs()).points
        assert points.shape == (3, 2, 10, 2)
        assert (points == 0.5).all()

    def test_layers_learn_apart(self):
        """Points pass between layers without gradient, features with it."""
        head = small_head()
        head.loss_keypoint = FirstLayerLoss()
        head.loss_padding = FirstLayerLoss()
        sum(head.loss(*inputs()).values()).backward()
        later = [*head.support_miners[1:], *head.query_miners[1:], *head.point_mlps[1:]]
        assert all(p.grad is None or not p.grad.any() for m in later for p in m.parameters())
        first = [head.support_miners[0], head.query_miners[0], head.point_mlps[0]]
        assert all(p.grad is not None and p.grad.any() for m in first for p in m.parameters())

    def test_points_are_passed_on_without_gradient(self):
        """The last layer's loss reaches the first point MLP by no way at all."""
        head = small_head()
        head(*inputs()).points[-1].sum().backward()
        assert not any(p.grad.any() for mlp in head.point_mlps[:-1] for p in mlp.parameters())
        assert head.query_miners[0].values.weight.grad.any()

    def test_every_parameter_gets_a_gradient(self):
        head = small_head()
        sum(head.loss(*inputs()).values()).backward()
        without = [
            name for name, p in head.named_parameters() if p.grad is None or not p.grad.any()
        ]
        assert without == []

    @pytest.mark.parametrize('shots', [1, 3])
    def test_order_of_the_shots_does_not_matter(self, shots):
        head = small_head()
        (support, query), episode = inputs(shots=shots)
        before = head((support, query), episode).points
        order = torch.arange(shots).flip(0)
        support = [level.unflatten(0, (-1, shots))[:, order].flatten(0, 1) for level in support]
        both = torch.cat([order, torch.tensor([shots])])
        episode = dict(
            episode,
            points=episode['points'][:, both],
            visible=episode['visible'][:, both],
            references=episode['references'][:, order],
        )
        torch.testing.assert_close(head((support, query), episode).points, before)


class FirstLayerLoss(torch.nn.Module):
    def forward(self, predictions, targets, visible):
        return ((predictions[0] - targets).abs() * visible[..., None]).sum()


class TestStraightforward:
    """Equal to the head written as described, one attention, shot and sample after the other."""

    @pytest.mark.parametrize('shots', [1, 3])
    @pytest.mark.parametrize('order_code', ['index', 'none'])
    def test_outputs_and_gradients(self, shots, order_code):
        heads = [
            small_head(cls=cls, order_code=order_code).double()
            for cls in (FMMPHead, StraightforwardFMMPHead)
        ]
        heads[1].load_state_dict(heads[0].state_dict())
        feats, episode = inputs(shots=shots)
        episode['points'] = episode['points'].double()
        feats = [[level.double().requires_grad_() for level in pyramid] for pyramid in feats]
        results, gradients = [], []
        for head in heads:
            results.append(head(feats, episode).points)
            total = sum(head.loss(feats, episode).values())
            gradients.append(torch.autograd.grad(total, [*feats[0], *feats[1], *head.parameters()]))
        torch.testing.assert_close(*results, atol=1e-9, rtol=1e-9)
        for gradient, reference in zip(*gradients, strict=True):
            torch.testing.assert_close(gradient, reference, atol=1e-8, rtol=1e-7)

    def test_outputs_in_single_precision_at_published_size(self):
        torch.manual_seed(0)
        head = randomise(FMMPHead(dropout=0.0), scale=0.02)
        reference = StraightforwardFMMPHead(dropout=0.0)
        reference.load_state_dict(head.state_dict())
        feats = random_pyramid(1, dims=256), random_pyramid(1, dims=256)
        episode = random_episodes(batch=1, real=20, padded=70)
        with torch.no_grad():
            result, expected = head(feats, episode).points, reference(feats, episode).points
        assert expected.std() > 0.01
        torch.testing.assert_close(result, expected, atol=1e-5, rtol=0)


class TestSlipsOfTheReleasedCode:
    def test_empty_support_gives_no_nan(self):
        head = small_head()
        feats, episode = inputs(shots=2)
        episode['visible'][0, 0] = False  # one support of the first sample
        episode['visible'][1, :-1] = False  # all supports of the second
        losses = head.loss(feats, episode)
        assert all(loss.isfinite() for loss in losses.values())
        sum(losses.values()).backward()
        assert all(p.grad.isfinite().all() for p in head.parameters() if p.grad is not None)

    def test_empty_support_changes_nothing(self):
        """Nothing is learned from a support that shows nothing."""
        head = small_head()
        (support, query), episode = inputs(shots=2)
        episode['visible'][:, 1] = False
        both = head((support, query), episode).points
        one = dict(
            episode,
            points=episode['points'][:, [0, 2]],
            visible=episode['visible'][:, [0, 2]],
            references=episode['references'][:, :1],
        )
        first = [level[::2] for level in support]
        torch.testing.assert_close(head((first, query), one).points, both)

    def test_test_batches_of_any_size(self):
        head = small_head().eval()
        feats, episode = inputs(batch=5, shots=2)
        whole = head.predict(feats, episode)
        for start, stop in ((0, 1), (1, 3), (3, 5)):
            part = head.predict(*subset(feats, episode, slice(start, stop), shots=2))
            for one, other in zip(part, whole[start:stop], strict=True):
                torch.testing.assert_close(one.keypoints, other.keypoints)
                torch.testing.assert_close(one.keypoint_scores, other.keypoint_scores)

    @pytest.mark.parametrize('real, padded', [(4, 4), (3, 8), (2, 2)])
    def test_fewer_than_16_keypoints(self, real, padded):
        points = small_head()(*inputs(real=real, padded=padded)).points
        assert points.shape == (3, 2, padded, 2) and points.isfinite().all()

    def test_no_skeleton(self):
        feats, episode = inputs()
        own = torch.arange(10)[:, None].expand(10, 8)
        episode['references'] = own.expand_as(episode['references'])
        episode['query_references'] = own.expand_as(episode['query_references'])
        assert small_head()(feats, episode).points.isfinite().all()

    def test_support_point_outside_the_crop_shifts_no_code(self):
        """The order code depends on the slot alone, not on coordinates beyond 1."""
        head = small_head()
        points = torch.rand(1, 10, 2)
        moved = points.clone()
        moved[0, 2] = 1.2
        before, after = head._position(points), head._position(moved)
        assert (before[0, 2] != after[0, 2]).any()
        torch.testing.assert_close(before[0, 3:], after[0, 3:])


class TestPartlyVisibleSupports:
    def test_keypoint_shown_by_one_support_comes_from_it(self):
        """The mean over shots counts a keypoint where it is visible only."""
        features = torch.rand(2, 3, 4, 5)
        visible = torch.rand(2, 3, 4) < 0.5
        visible[:, :, 0] = False
        result = visible_mean(features, visible)
        for g in range(2):
            for k in range(4):
                shown = [features[g, s, k] for s in range(3) if visible[g, s, k]]
                expected = torch.stack(shown).mean(dim=0) if shown else torch.zeros(5)
                torch.testing.assert_close(result[g, k], expected)

    def test_invisible_point_of_a_support_is_never_read(self):
        """Coordinates of a keypoint that one support hides do not reach any visible one."""
        head = small_head()
        feats, episode = inputs(shots=2)
        episode['visible'][:, 0, 3] = False
        references = episode['references']
        references[:, 0][references[:, 0] == 3] = 0
        before = head(feats, episode).points
        episode['points'][:, 0, 3] = 77.0
        torch.testing.assert_close(head(feats, episode).points, before)

    def test_different_keypoints_in_different_supports(self):
        head = small_head()
        feats, episode = inputs(shots=2)
        episode['visible'][:, 0] = torch.arange(10) < 5
        episode['visible'][:, 1] = torch.arange(10) >= 5
        state = head.encode_support(
            feats[0],
            *(episode[k][:, :-1] for k in ('points', 'visible')),
            *(episode[k] for k in ('references', 'query_references')),
        )
        assert (state.features.norm(dim=-1) > 0).all() and (state.mined.norm(dim=-1) > 0).all()


class TestCachedSupport:
    @pytest.mark.parametrize('groups, repeat, shots', [(1, 4, 1), (2, 3, 2), (3, 1, 1)])
    @pytest.mark.parametrize('proposal', [None, dict(temperature=0.2)])
    def test_equals_pairs(self, groups, repeat, shots, proposal):
        """r queries on each support set, and the support repeated for each query."""
        head = small_head(proposal=proposal).eval()
        (support, _), episode = inputs(batch=groups, shots=shots)
        query = random_pyramid(groups * repeat)
        state = head.encode_support(
            support,
            episode['points'][:, :-1],
            episode['visible'][:, :-1],
            episode['references'],
            episode['query_references'],
        )
        cached = head.predict_query(query, state)
        pairs = {key: value.repeat_interleave(repeat, dim=0) for key, value in episode.items()}
        repeated = [
            level.unflatten(0, (groups, shots)).repeat_interleave(repeat, dim=0).flatten(0, 1)
            for level in support
        ]
        expected = head((repeated, query), pairs)
        torch.testing.assert_close(cached.points, expected.points)
        torch.testing.assert_close(confidence(cached), confidence(expected))

    def test_uneven_queries(self):
        head = small_head()
        (support, _), episode = inputs(batch=2)
        arguments = [episode[k][:, :-1] for k in ('points', 'visible')]
        arguments += [episode[k] for k in ('references', 'query_references')]
        state = head.encode_support(support, *arguments)
        with pytest.raises(ValueError, match='3 queries for 2 support sets'):
            head.predict_query(random_pyramid(3), state)


class TestPadding:
    def test_trimmed_padding_is_not_exact(self):
        """Padded slots attend and are looked at, so leaving them out changes the real outputs."""
        head = small_head(order_code='none')
        feats, episode = inputs(real=6, padded=10)
        whole = head(feats, episode).points[:, :, :6]
        trimmed = {
            key: value[..., :6, :].clamp(max=5) if 'references' in key else value[:, :, :6]
            for key, value in episode.items()
            if key != 'real'
        }
        assert (head(feats, trimmed).points - whole).abs().max() > 1e-3

    def test_order_code(self):
        """Without it a permutation of the keypoints permutes the output; with it, it does not."""
        order = torch.randperm(10, generator=torch.Generator().manual_seed(0))
        feats, episode = inputs()
        place = order.argsort()
        permuted = dict(
            points=episode['points'][:, :, order],
            visible=episode['visible'][:, :, order],
            references=place[episode['references'][:, :, order]],
            query_references=place[episode['query_references'][:, order]],
        )
        for code, same in (('none', True), ('index', False)):
            head = small_head(order_code=code)
            difference = head(feats, permuted).points - head(feats, episode).points[:, :, order]
            assert (difference.abs().max() < 1e-5) == same

    def test_unknown_order_code(self):
        with pytest.raises(ValueError, match="'index' or 'none', got 'learned'"):
            FMMPHead(order_code='learned')


class TestLoss:
    def slow_loss(self, points, episode, chosen):
        """Section 4.1: over layers summed, over samples averaged."""
        total = 0.0
        for layer in points:
            for b in range(len(layer)):
                target, visible = episode['points'][b, -1], episode['visible'][b, -1]
                errors = [
                    (layer[b, k] - target[k]).abs().sum()
                    for k in range(len(target))
                    if visible[k] and chosen[b, k]
                ]
                total += sum(errors) / max(len(errors), 0.1) / len(layer)
        return total

    def test_real_and_padded(self):
        head = small_head()
        feats, episode = inputs(batch=3)
        losses = head.loss(feats, episode)
        points = head(feats, episode).points
        assert set(losses) == {'loss_keypoint', 'loss_padding'}
        real = episode['real']
        torch.testing.assert_close(losses['loss_keypoint'], self.slow_loss(points, episode, real))
        torch.testing.assert_close(
            losses['loss_padding'], 0.5 * self.slow_loss(points, episode, ~real)
        )

    @pytest.mark.parametrize('masked', [False, True])
    def test_mask_of_the_supports(self, masked):
        """By default the model is asked for points that no support shows, as released."""
        head = small_head(mask_loss_with_support=masked)
        feats, episode = inputs()
        episode['visible'][:] = True
        episode['visible'][:, 0, 2] = False
        chosen = episode['real'].clone()
        if masked:
            chosen[:, 2] = False
        expected = self.slow_loss(head(feats, episode).points, episode, chosen)
        torch.testing.assert_close(head.loss(feats, episode)['loss_keypoint'], expected)

    def test_losses_from_the_config(self):
        head = small_head(loss_padding=dict(type='KeypointL1Loss', loss_weight=0.0))
        assert head.loss(*inputs())['loss_padding'] == 0

    def test_full_gradient(self):
        """By finite differences; of one layer, because points are detached between layers."""
        head = small_head(dims=8, num_layers=1, num_references=2, num_samples=1).double()
        generator = torch.Generator().manual_seed(0)
        feats = [random_pyramid(1, 8, torch.float64, generator) for _ in range(2)]
        episode = random_episodes(1, real=3, padded=4, num_references=2)
        episode['points'] = episode['points'].double()
        episode['visible'][:] = True

        def function(*maps):
            losses = head.loss((maps[:3], maps[3:]), episode)
            return losses['loss_keypoint'] + losses['loss_padding']

        leaves = [level.requires_grad_() for pyramid in feats for level in pyramid]
        assert torch.autograd.gradcheck(function, leaves, fast_mode=True)


class TestProposal:
    def test_starts_where_the_query_looks_like_the_support(self):
        """Query and support are the same picture and the recurrence does not move."""
        head = small_head(random=False, proposal=dict(temperature=0.01), num_layers=1)
        for layer in (head.proposal.keypoint_projection, head.proposal.map_projection):
            layer.weight.data = torch.eye(16).view_as(layer.weight)
        generator = torch.Generator().manual_seed(0)
        levels = random_pyramid(1, generator=generator)
        levels[0].zero_()
        levels[1].zero_()
        _, episode = inputs(batch=1)
        episode['visible'][:] = True
        cells = torch.randint(1, 7, (10, 2), generator=generator)
        episode['points'][0, 0] = (cells + 0.5) / 8
        output = head((levels, levels), episode)
        torch.testing.assert_close(output.points[-1], episode['points'][:, 0], atol=0.02, rtol=0)
        assert output.proposal.shape == (1, 10, 64) and output.map_size == SIZES[-1]

    def test_has_a_loss(self):
        head = small_head(proposal=dict(temperature=0.1))
        losses = head.loss(*inputs())
        assert set(losses) == {'loss_keypoint', 'loss_padding', 'loss_proposal'}
        losses['loss_proposal'].backward()
        assert head.proposal.map_projection.weight.grad.any()

    def test_alone(self):
        head = small_head(num_layers=0, proposal=dict(temperature=0.1))
        feats, episode = inputs()
        output = head(feats, episode)
        assert output.points.shape == (1, 2, 10, 2)
        torch.testing.assert_close(output.points[0], output.proposal_points)
        sum(head.loss(feats, episode).values()).backward()
        with pytest.raises(ValueError, match='num_layers=0'):
            FMMPHead(num_layers=0)


def test_confidence_is_a_score():
    head = small_head(proposal=dict(temperature=0.1))
    for prediction in head.predict(*inputs()):
        assert prediction.keypoints.shape == (1, 10, 2)
        assert prediction.keypoint_scores.shape == (1, 10)
        assert ((prediction.keypoint_scores >= 0) & (prediction.keypoint_scores <= 1)).all()


class TestConfigsThatDoNotFit:
    def test_references(self):
        feats, episode = inputs(num_references=4)
        with pytest.raises(ValueError, match='num_references=8, but the episodes have 4 refer'):
            small_head()(feats, episode)
        with pytest.raises(ValueError, match='num_references=8, but the episodes have 4 refer'):
            small_head().loss(feats, episode)

    def test_references_do_not_matter_to_the_proposal_alone(self):
        head = small_head(num_layers=0, proposal=dict(temperature=0.1))
        (support, query), episode = inputs(num_references=4)
        assert head((support[1:], query[1:]), episode).points.shape == (1, 2, 10, 2)

    def test_levels(self):
        (support, query), episode = inputs()
        with pytest.raises(ValueError, match='num_levels=3, but there are 2 maps'):
            small_head()((support[1:], query[1:]), episode)
        with pytest.raises(ValueError, match='num_levels=3, but there are 2 maps'):
            small_head()((support, query[1:]), episode)

    def test_channels(self):
        with pytest.raises(ValueError, match=r'dims=32, but the maps have \[16, 16, 16\] channels'):
            small_head(dims=32)(*inputs())


def test_inverse_sigmoid():
    x = torch.tensor([0.2, 0.5, 0.0, 1.0])
    expected = torch.tensor([0.2, 0.5, 0.001, 0.999])
    torch.testing.assert_close(inverse_sigmoid(x).sigmoid(), expected)


def test_precision_of_points_under_mixed_precision():
    head = small_head(proposal=dict(temperature=0.1))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        output = head(*inputs())
    assert output.points.dtype == output.proposal_points.dtype == torch.float32
    assert (output.points[0].bfloat16() != output.points[0]).any()
