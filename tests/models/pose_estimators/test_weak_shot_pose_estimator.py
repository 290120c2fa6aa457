import copy

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from torch import nn

from kpt_plugins.models.backbones.prompted_features import PromptedFeatures
from kpt_plugins.models.layers.prompt_selection import spread_gaussian_prompts
from kpt_plugins.models.layers.view_average import average_views
from kpt_plugins.models.losses.correspondence_consistency_loss import (
    correspondence_consistency_loss,
)
from kpt_plugins.models.losses.localization_loss import localization_loss
from kpt_plugins.models.losses.offset_guiding_loss import offset_guiding_loss
from kpt_plugins.models.pose_estimators.weak_shot_pose_estimator import (
    prediction_state_dict,
    swap,
)
from tests.models.weak_shot import LOSSES, batch, build

BASE = ['prompt', 'keyness', 'correspondence']
NOVEL = ['guiding', 'consistency', 'equivariance', 'localization']


def only(*names):
    return {name: LOSSES[name] for name in names}


def gradients(model, loss):
    """Norms of a loss's gradient by the model's parts."""
    model.zero_grad()
    loss.backward()
    parts = dict(
        backbone=model.backbone,
        neck=model.neck,
        head=model.head,
        keyness=model.keyness,
        correspondence=model.correspondence,
    )
    return {
        name: sum(p.grad.abs().sum().item() for p in part.parameters() if p.grad is not None)
        for name, part in parts.items()
    }


def test_learns_and_predicts():
    model = build()
    inputs, samples = batch('bn', seed=1)
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    history = []
    for _ in range(20):
        losses = model(inputs, samples, mode='loss')
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        history.append({name: value.item() for name, value in losses.items()})
    assert set(history[0]) == {f'loss_{name}' for name in LOSSES}
    for name in BASE:
        assert history[-1][f'loss_{name}'] < 0.7 * history[0][f'loss_{name}']
    with torch.no_grad():
        for sample in model.eval()(inputs, samples, mode='predict'):
            assert np.isfinite(sample.pred_instances.keypoints).all()


class TestBase:
    def test_is_the_mean_of_pairs_of_any_number_of_keypoints(self):
        model = build(losses=only('prompt', 'keyness'))
        inputs, samples = batch('bbb')
        together = model.loss(inputs, samples)
        alone = [model.loss(inputs[i : i + 2], samples[i : i + 2]) for i in (0, 2, 4)]
        for name, value in together.items():
            torch.testing.assert_close(value, sum(losses[name] for losses in alone) / 3)

    def test_novel_images_and_the_order_of_pairs_change_nothing(self):
        model = build()
        inputs, samples = batch('nbnb')
        result = model.loss(inputs, samples)
        base = [2, 3, 6, 7]
        expected = model.loss(inputs[base], [samples[i] for i in base])
        for name in BASE:
            torch.testing.assert_close(result[f'loss_{name}'], expected[f'loss_{name}'])
        for name in NOVEL:
            assert result[f'loss_{name}'] > 0 and expected[f'loss_{name}'] == 0

    def test_who_is_taught_by_what(self):
        inputs, samples = batch('bb')
        taught = {}
        for name in BASE:
            model = build(losses=only(name))
            taught[name] = gradients(model, model.loss(inputs, samples)[f'loss_{name}'])
        for part, names in [
            ('head', ['prompt']),
            ('keyness', ['keyness']),
            ('correspondence', ['correspondence']),
            ('neck', BASE),
            ('backbone', BASE),
        ]:
            assert [name for name in BASE if taught[name][part]] == names

    def test_invisible_keypoints_alone(self):
        model = build()
        inputs, samples = batch('bb')
        for sample in samples:
            sample.gt_instance_labels.keypoints_visible[:] = 0
        losses = model.loss(inputs, samples)
        assert all(value == 0 for value in losses.values())
        sum(losses.values()).backward()

    def test_more_keypoints_than_prompts(self):
        inputs, samples = batch('b', keypoints=7)
        samples[0].gt_instance_labels.keypoints_visible[:] = 1
        with pytest.raises(ValueError, match='category 10 has 7 keypoints.*num_prompts=6'):
            build().loss(inputs, samples)


class TestNovel:
    def test_who_is_taught_by_what(self):
        inputs, samples = batch('nn')
        for name in NOVEL:
            model = build(losses=only(name))
            torch.manual_seed(1)
            taught = gradients(model, model.loss(inputs, samples)[f'loss_{name}'])
            assert {part for part, norm in taught.items() if norm} == {'backbone', 'neck', 'head'}

    def test_terms_from_their_parts(self):
        """Guiding, consistency and localisation, image after image."""
        model = build(losses=only('guiding', 'consistency', 'localization'))
        inputs, samples = batch('nn')
        losses = model.loss(inputs, samples)
        with torch.no_grad():
            out = model._forward(inputs)
            points, visibility = out.prompts
            offsets, transferred, weights = [], [], []
            for x in range(4):
                other = x + 1 if x % 2 == 0 else x - 1
                own, partner = out.descriptors[x : x + 1], out.descriptors[other : other + 1]
                offsets.append(
                    model.keyness.local_offset(out.keyness[x : x + 1], points[x : x + 1])
                )
                place, _ = model.correspondence.transfer(points[other : other + 1], partner, own)
                transferred.append(place)
                weights.append(visibility[other : other + 1])
            pair = [torch.cat(v).unflatten(0, (2, 2)) for v in (offsets, transferred, weights)]
            guiding = offset_guiding_loss(
                points.unflatten(0, (2, 2)),
                pair[0],
                visibility.unflatten(0, (2, 2)),
                2.0,
                (12, 12),
            )
            consistency = correspondence_consistency_loss(
                out.heatmaps.unflatten(0, (2, 2)), pair[1], pair[2], 1.0
            )
            localization = localization_loss(out.heatmaps, visibility, 1.0)
        torch.testing.assert_close(losses['loss_guiding'], 0.1 * guiding)
        torch.testing.assert_close(losses['loss_consistency'], 0.2 * consistency)
        torch.testing.assert_close(losses['loss_localization'], 0.5 * localization)

    def test_matches_are_filtered_by_their_way_back(self):
        def loss(**limits):
            config = dict(type='CorrespondenceConsistencyLoss', **limits)
            return build(losses=dict(consistency=config)).loss(*batch('nn'))['loss_consistency']

        assert loss(max_cycle=99.0) == loss()
        assert 0 < loss(max_cycle=3.0) < loss()
        assert loss(max_cycle=0.0) == 0 and loss(min_cosine=1.1) == 0

    def test_equivariance_needs_one_more_pass_of_the_novel_images(self):
        seen = []
        for names, expected in [(NOVEL, 6), (['guiding'], 4)]:
            model = build(losses=only('prompt', *names))
            model.backbone.register_forward_hook(lambda m, args, out: seen.append(len(args[0])))
            model.loss(*batch('bn'))
            assert seen.pop() == expected and not seen

    def test_equivariance_of_images_that_are_not_moved_is_zero(self):
        config = dict(type='EquivarianceLoss', rotation=0, translation=0, zoom=1)
        losses = build(losses=dict(equivariance=config)).loss(*batch('n'))
        assert losses['loss_equivariance'] < 1e-9

    def test_selected_prompts(self):
        chosen = dict(candidates=4, keep=2)
        model = build(losses=only('localization'), selection=chosen)
        inputs, samples = batch('n')
        out = model._forward(inputs)
        weights = spread_gaussian_prompts(out.heatmaps, out.prompts.points, 1.0, **chosen)
        assert weights.sum(dim=1).tolist() == [2, 2]
        expected = 0.5 * localization_loss(out.heatmaps, weights, 1.0)
        torch.testing.assert_close(model.loss(inputs, samples)['loss_localization'], expected)

    def test_labels_of_novel_images_cannot_matter(self):
        model = build()
        inputs, samples = batch('bn')
        with_labels = copy.deepcopy(samples)
        for sample in with_labels[2:]:
            sample.gt_instance_labels = InstanceData(
                keypoints=torch.rand(1, 4, 2), keypoints_visible=torch.ones(1, 4)
            )
        results = []
        for each in (samples, with_labels):
            torch.manual_seed(3)
            results.append(model.loss(inputs, each))
        assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])


class TestWarmUp:
    def test_scale_is_a_factor(self):
        model = build()
        results = {}
        for scale in (1.0, 0.25):
            torch.manual_seed(1)
            model.novel_scale = scale
            results[scale] = model.loss(*batch('bn'))
        for name in LOSSES:
            factor = 0.25 if name in NOVEL else 1
            name = f'loss_{name}'
            torch.testing.assert_close(results[0.25][name], factor * results[1.0][name])

    def test_at_zero_novel_images_are_not_looked_at(self):
        model = build()
        inputs, samples = batch('nbn')
        expected = model.loss(inputs[2:4], samples[2:4])
        model.novel_scale = 0.0
        seen = []
        model.backbone.register_forward_hook(lambda m, args, out: seen.append(len(args[0])))
        result = model.loss(inputs, samples)
        assert seen == [2] and set(result) == set(expected)
        for name in expected:
            torch.testing.assert_close(result[name], expected[name])


@pytest.mark.parametrize('scale', [0.0, 1.0])
@pytest.mark.parametrize('kinds', ['b', 'n', 'bn'])
def test_every_batch_has_all_losses_and_gradients(kinds, scale):
    """What a wrapper for several processes needs."""
    model = build()
    model.novel_scale = scale
    losses = model.loss(*batch(kinds))
    assert [name[5:] for name in losses] == list(LOSSES)
    assert all(value.isfinite() for value in losses.values())
    sum(losses.values()).backward()
    assert not [name for name, p in model.named_parameters() if p.grad is None]
    zero = [] if 'b' in kinds else BASE
    zero = zero + ([] if 'n' in kinds and scale else NOVEL)
    assert sorted(name[5:] for name, v in losses.items() if v == 0) == sorted(zero)


def test_mixed_precision():
    model = build()
    exact = model.loss(*batch('bn'))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = model.loss(*batch('bn'))
    for name in BASE:
        assert losses[f'loss_{name}'].dtype == torch.float32
        assert losses[f'loss_{name}'].item() == pytest.approx(
            exact[f'loss_{name}'].item(), rel=0.03
        )
    sum(losses.values()).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_prompts_that_live_in_the_backbone():
    class Backbone(nn.Module):
        def __init__(self):
            super().__init__()
            self.prompts = nn.Parameter(torch.randn(8, 16))
            self.conv = nn.Conv2d(3, 16, 4, stride=4)

        def forward(self, images):
            features = self.conv(images)
            maps = torch.einsum('nc,bchw->bnhw', self.prompts, features).softmax(dim=1)
            return PromptedFeatures([features], maps)

    if 'PromptedTestBackbone' not in MODELS:
        MODELS.register_module(name='PromptedTestBackbone', module=Backbone)
    model = build(
        backbone=dict(type='PromptedTestBackbone'),
        neck=dict(type='FeatureAggregator', in_channels=[16], out_channels=16, out_size=(12, 12)),
        head=dict(type='PromptMapHead', num_prompts=6),
    )
    inputs, samples = batch('bn')
    losses = model.loss(inputs, samples)
    sum(losses.values()).backward()
    assert model.backbone.prompts.grad.all()
    predicted = model.predict(inputs, samples)[0].pred_instances
    assert predicted.keypoints.shape == (1, 6, 2)


class TestPredict:
    def test_prompts_in_pixels_of_the_original_image(self):
        model = build().eval()
        inputs, samples = batch('bn')
        with torch.no_grad():
            out = model(inputs, None, mode='tensor')
            results = model.predict(inputs, samples)
        for number, sample in enumerate(results):
            assert sample is samples[number]
            corner = np.array([40.0, 30 + number]) - 32
            expected = corner + 64 * out.prompts.points[number].numpy()
            np.testing.assert_allclose(sample.pred_instances.keypoints[0], expected, rtol=1e-4)
            scores = out.heatmaps[number].flatten(1).max(dim=1).values.numpy()
            np.testing.assert_allclose(sample.pred_instances.keypoint_scores[0], scores)

    def test_mean_over_views(self):
        one, model = build().eval(), build(test_cfg=dict(views=3)).eval()
        inputs, samples = batch('bn')
        with torch.no_grad():
            first = [copy.deepcopy(s.pred_instances) for s in one.predict(inputs, samples)]
            maps = average_views(lambda x: model(x, None, mode='tensor').heatmaps, inputs, 3)
            results = model.predict(inputs, samples)
        for number, sample in enumerate(results):
            scores = maps[number].flatten(1).max(dim=1).values.numpy()
            np.testing.assert_allclose(sample.pred_instances.keypoint_scores[0], scores)
            assert (sample.pred_instances.keypoints != first[number].keypoints).any()

    def test_keyness_and_correspondence_do_not_run(self):
        model = build().eval()
        for part in (model.keyness, model.correspondence):
            part.forward = None
        model.predict(*batch('b'))

    def test_names(self):
        model = build().eval()
        model.set_prompt_assignment({11: [5, -1, 0, 2]})
        loaded = build().eval()
        loaded.load_state_dict(model.state_dict())
        with torch.no_grad():
            first, second = loaded.predict(*batch('bn'))[1:3]
        assert 'named_keypoints' not in first.pred_instances
        predicted = second.pred_instances
        np.testing.assert_array_equal(
            predicted.named_keypoints[0, [0, 2, 3]], predicted.keypoints[0, [5, 0, 2]]
        )
        with pytest.raises(ValueError, match='prompt 6 of keypoint 0 of category 1'):
            model.set_prompt_assignment({1: [6]})

    def test_exported_checkpoint_predicts_the_same(self):
        config = dict(type='PromptKeypointAssigner', mode='class_ema', num_prompts=6)
        model = build(assigner=config).eval()
        inputs, samples = batch('bn')
        exported = prediction_state_dict(model.state_dict())
        small = build(keyness=None, correspondence=None, losses=None).eval()
        for parameter in small.parameters():
            parameter.data.zero_()
        small.load_state_dict(exported)
        assert len(exported) < len(model.state_dict())
        with torch.no_grad():
            results = [m.predict(inputs, copy.deepcopy(samples)) for m in (model, small)]
            whole = build()
            missing, unexpected = whole.load_state_dict(exported, strict=False)
        for one, other in zip(*results, strict=True):
            for name in ('keypoints', 'keypoint_scores'):
                np.testing.assert_array_equal(one.pred_instances[name], other.pred_instances[name])
        assert not unexpected
        assert {name.split('.')[0] for name in missing} == {'keyness', 'correspondence'}
        output = small(inputs, None, mode='tensor')
        assert output.keyness is None and output.descriptors is None


def test_swap():
    assert swap(torch.arange(6)).tolist() == [1, 0, 3, 2, 5, 4]


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(sigma=0), 'sigma is 0'),
        (dict(softargmax='soft'), "softargmax is 'soft'; expected one of"),
        (dict(selection=dict(candidates=0, keep=2)), 'expected 1 or more candidates'),
        (dict(test_cfg=dict(views=0)), 'test_cfg.views is 0'),
        (dict(losses=dict(prompts=LOSSES['prompt'])), "losses has 'prompts'; expected some of"),
        (dict(keyness=None), "losses has 'keyness', but the model's keyness is None"),
        (
            dict(correspondence=None, losses=only('consistency')),
            "losses has 'consistency', but the model's correspondence is None",
        ),
    ],
)
def test_bad_options(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


def test_losses_left_out():
    model = build(keyness=None, losses=dict(LOSSES, keyness=None, guiding=None))
    names = [name[5:] for name in model.loss(*batch('bn'))]
    assert names == ['prompt', 'correspondence', 'consistency', 'equivariance', 'localization']
