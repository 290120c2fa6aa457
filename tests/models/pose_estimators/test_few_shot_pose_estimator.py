import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from kpt_plugins.models.pose_estimators import FewShotPoseEstimator
from kpt_plugins.models.pose_estimators.few_shot_pose_estimator import stack_episodes, to_image
from kpt_plugins.structures.geometry import apply_affine
from tests.models.episodes import random_episodes, randomise

RESNET = dict(type='ResNet', depth=18, stem_channels=8, base_channels=8, out_indices=(1, 2, 3))
SWIN = dict(
    type='SwinTransformer',
    embed_dims=8,
    depths=(1, 1, 1, 1),
    num_heads=(1, 1, 2, 2),
    window_size=2,
    out_indices=(1, 2, 3),
)
HRNET = dict(
    type='HRNet',
    extra=dict(
        stage1=dict(
            num_modules=1, num_branches=1, block='BOTTLENECK', num_blocks=(1,), num_channels=(4,)
        ),
        stage2=dict(
            num_modules=1, num_branches=2, block='BASIC', num_blocks=(1,) * 2, num_channels=(4, 8)
        ),
        stage3=dict(
            num_modules=1,
            num_branches=3,
            block='BASIC',
            num_blocks=(1,) * 3,
            num_channels=(4, 8, 16),
        ),
        stage4=dict(
            num_modules=1,
            num_branches=4,
            block='BASIC',
            num_blocks=(1,) * 4,
            num_channels=(4, 8, 16, 32),
            multiscale_output=True,
        ),
    ),
)
BACKBONES = dict(
    resnet=(RESNET, dict(in_channels=[16, 32, 64])),
    swin=(SWIN, dict(in_channels=[16, 32, 64])),
    hrnet=(HRNET, dict(in_channels=[8, 16, 32], in_indices=(1, 2, 3))),
)


def build(backbone='resnet', train_cfg=None, random=True, **head):
    torch.manual_seed(0)
    backbone, neck = BACKBONES[backbone]
    model = MODELS.build(
        dict(
            type='FewShotPoseEstimator',
            _scope_='mmpose',
            backbone=backbone,
            neck=dict(type='TopDownPyramid', out_channels=16, **neck),
            head=dict(
                type='FMMPHead',
                **{**dict(dims=16, num_heads=2, num_samples=2, num_layers=2, dropout=0.0), **head},
            ),
            train_cfg=train_cfg,
        )
    )
    model.init_weights()
    if random:
        randomise(model.head)
    return model


def batch(size=2, shots=1, pixels=64, **kwargs):
    """Normalised crops and data samples, each with a crop of its own."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(size, shots + 1, 3, pixels, pixels, generator=generator)
    episodes = random_episodes(size, shots, **kwargs)
    samples = []
    for number in range(size):
        real = int(episodes['real'][number].sum())
        sample = PoseDataSample(
            metainfo=dict(
                num_keypoints=real,
                input_size=(pixels, pixels),
                crop_to_image=np.array([[2.0, 0.5, 10 * number], [-0.5, 2.0, 7]]),
            )
        )
        sample.gt_instances = InstanceData(bboxes=np.zeros((1, 4), np.float32))
        fields = {key: value[number] for key, value in episodes.items() if key != 'real'}
        sample.set_field(BaseDataElement(**fields), 'episode')
        samples.append(sample)
    return inputs, samples, episodes


def test_parameters_of_the_published_model():
    model = MODELS.build(
        dict(
            type='FewShotPoseEstimator',
            _scope_='mmpose',
            backbone=dict(type='ResNet', depth=50, out_indices=(1, 2, 3)),
            neck=dict(type='TopDownPyramid', in_channels=[512, 1024, 2048]),
            head=dict(type='FMMPHead'),
        )
    )
    count = {name: sum(p.numel() for p in m.parameters()) for name, m in model.named_children()}
    assert count == dict(data_preprocessor=0, backbone=23_508_032, neck=918_272, head=16_518_406)
    assert sum(count.values()) == 40_944_710


def test_one_half_at_initialisation():
    inputs, samples, _ = batch()
    points = build(random=False)(inputs, samples, mode='tensor').points
    assert (points == 0.5).all()


@pytest.mark.parametrize('backbone', BACKBONES)
@pytest.mark.parametrize('shots', [1, 2])
def test_trains_and_predicts_with_any_backbone(backbone, shots):
    model = build(backbone)
    inputs, samples, _ = batch(shots=shots)
    losses = model(inputs, samples, mode='loss')
    sum(losses.values()).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    assert all(p.grad.any() for p in model.neck.parameters())
    model.eval()
    for sample in model(inputs, samples, mode='predict'):
        assert np.isfinite(sample.pred_instances.keypoints).all()


def test_loss_is_the_heads_on_the_pyramid_of_all_images():
    model = build().eval()
    inputs, samples, episodes = batch(size=3, shots=2)
    features = [
        [model.extract_feat(inputs[b, s][None]) for s in range(3)] for b in range(3)
    ]  # one image at a time
    support = [
        torch.cat([features[b][s][level] for b in range(3) for s in range(2)]) for level in range(3)
    ]
    query = [torch.cat([features[b][2][level] for b in range(3)]) for level in range(3)]
    expected = model.head.loss((support, query), episodes)
    result = model.loss(inputs, samples)
    assert set(result) == set(expected)
    for name in result:
        torch.testing.assert_close(result[name], expected[name])


class TestPredict:
    def test_in_pixels_of_the_original_image(self):
        model = build().eval()
        inputs, samples, _ = batch()
        with torch.no_grad():
            points = model(inputs, samples, mode='tensor').points[-1]
            results = model.predict(inputs, samples)
        for number, sample in enumerate(results):
            assert sample is samples[number]
            predicted = sample.pred_instances
            assert predicted.keypoints.shape == (1, 6, 2)  # padded slots are dropped
            assert predicted.keypoint_scores.shape == (1, 6)
            matrix = sample.metainfo['crop_to_image']
            for k in range(6):
                x, y = points[number, k].double().numpy() * 64
                expected = (
                    matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2],
                    matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2],
                )
                np.testing.assert_allclose(predicted.keypoints[0, k], expected, rtol=1e-5)

    def test_categories_of_different_size_in_one_batch(self):
        model = build().eval()
        inputs, samples, _ = batch()
        samples[0].set_metainfo(dict(num_keypoints=3))
        results = model.predict(inputs, samples)
        assert [s.pred_instances.keypoints.shape[1] for s in results] == [3, 6]

    def test_batch_equals_one_by_one(self):
        model = build().eval()
        inputs, samples, _ = batch(size=3, shots=2)
        whole = [s.pred_instances.keypoints for s in model.predict(inputs, samples)]
        for number in range(3):
            one = model.predict(inputs[number : number + 1], samples[number : number + 1])
            result = one[0].pred_instances.keypoints
            np.testing.assert_allclose(result, whole[number], atol=1e-3)

    def test_order_of_the_supports_does_not_matter(self):
        model = build().eval()
        inputs, samples, _ = batch(size=1, shots=3)
        before = model.predict(inputs, samples)[0].pred_instances.keypoints
        order = [2, 0, 1]
        episode = samples[0].episode
        for name in ('points', 'visible'):
            setattr(episode, name, getattr(episode, name)[[*order, 3]])
        episode.references = episode.references[order]
        after = model.predict(inputs[:, [*order, 3]], samples)[0].pred_instances.keypoints
        np.testing.assert_allclose(before, after, atol=1e-3)

    def test_round_trip_of_pixels(self):
        prediction = InstanceData(keypoints=torch.rand(1, 4, 2), keypoint_scores=torch.rand(1, 4))
        _, samples, _ = batch(size=1, real=4)
        result = to_image(prediction, samples[0]).keypoints
        forward = np.linalg.inv(np.vstack([samples[0].metainfo['crop_to_image'], [0, 0, 1]]))[:2]
        np.testing.assert_allclose(
            apply_affine(forward, result) / 64, prediction.keypoints, atol=1e-6
        )


@pytest.mark.parametrize('shots', [1, 2])
def test_cached_support_equals_predict(shots):
    model = build().eval()
    inputs, samples, episodes = batch(size=1, shots=shots)
    queries = torch.randn(5, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    episode = dict(
        points=episodes['points'][:, :-1],
        visible=episodes['visible'][:, :-1],
        references=episodes['references'],
        query_references=episodes['query_references'],
    )
    with torch.no_grad():
        state = model.encode_support(inputs[:, :-1], episode)
        together = model.predict_query(queries, state)
        alone = [model.predict_query(query[None], state)[0] for query in queries]
        for number, query in enumerate(queries):
            pair = torch.cat([inputs[:, :-1], query[None, None]], dim=1)
            model.predict(pair, samples)
            expected = samples[0].pred_instances
            for prediction in (together[number], alone[number]):
                result = to_image(prediction, samples[0])
                np.testing.assert_allclose(result.keypoints, expected.keypoints, atol=1e-3)
                np.testing.assert_allclose(
                    result.keypoint_scores, expected.keypoint_scores, atol=1e-4
                )


class TestSymmetricTraining:
    def test_equals_two_forward_passes(self):
        model = build(train_cfg=dict(symmetric=True)).eval()
        inputs, samples, _ = batch(size=3)
        result = model.loss(inputs, samples)

        model.train_cfg = dict(symmetric=False)
        forward = model.loss(inputs, samples)
        for sample in samples:
            episode = sample.episode
            episode.points, episode.visible = episode.points.flip(0), episode.visible.flip(0)
            episode.references = episode.reverse_references[None]
            episode.query_references = episode.reverse_references
        backward = model.loss(inputs.flip(1), samples)
        assert set(result) == set(forward)
        for name in result:
            assert not torch.isclose(forward[name], backward[name])
            torch.testing.assert_close(result[name], (forward[name] + backward[name]) / 2)

    def test_backbone_sees_every_image_once(self):
        model = build(train_cfg=dict(symmetric=True))
        seen = []
        model.backbone.register_forward_hook(lambda module, args, out: seen.append(len(args[0])))
        inputs, samples, _ = batch(size=3)
        model.loss(inputs, samples)
        assert seen == [6]

    def test_needs_one_shot(self):
        model = build(train_cfg=dict(symmetric=True))
        inputs, samples, _ = batch(shots=2)
        with pytest.raises(ValueError, match='symmetric=True needs one support an episode, got 2'):
            model.loss(inputs, samples)


def test_stacked_episodes_mark_the_real_slots():
    _, samples, episodes = batch(size=2)
    samples[1].set_metainfo(dict(num_keypoints=3))
    stacked = stack_episodes(samples)
    assert stacked['real'].sum(dim=1).tolist() == [6, 3]
    assert stacked['real'][1, :3].all()
    for name in ('points', 'visible', 'references', 'query_references', 'reverse_references'):
        torch.testing.assert_close(stacked[name], episodes[name])


def test_default_preprocessor():
    assert type(build().data_preprocessor).__name__ == 'EpisodeDataPreprocessor'
    assert isinstance(build(), FewShotPoseEstimator)
