"""The head against loops over images and keypoints, and what its predictions promise."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.runner import load_state_dict as mmengine_load
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from kpt_plugins.codecs import PrototypeCellCodec
from kpt_plugins.models.heads import CoKeHead
from kpt_plugins.models.losses import CoKeContrastiveLoss

B, C, D, K, CELLS, STRIDE = 3, 10, 8, 4, 12, 8
INPUT = (CELLS * STRIDE, CELLS * STRIDE)
CODEC = dict(type='PrototypeCellCodec', input_size=INPUT, stride=STRIDE)


def make_head(**options):
    torch.manual_seed(0)
    head = MODELS.build(
        dict(
            dict(
                type='CoKeHead',
                in_channels=C,
                num_keypoints=K,
                feat_dim=D,
                clutter=dict(type='ClutterBank', size=40),
                decoder=CODEC,
            ),
            **options,
        )
    )
    head.init_weights()
    return head


def filled_head(**options):
    """With prototypes and clutter as after some training."""
    head = make_head(**options)
    generator = torch.Generator().manual_seed(5)
    head.bank.theta.copy_(
        F.normalize(torch.randn(*head.bank.theta.shape, generator=generator), dim=1)
    )
    lengths = 0.5 + 0.4 * torch.rand(len(head.bank.theta), 1, generator=generator)
    head.bank.mu.copy_(lengths * head.bank.theta)
    if head.clutter is not None:
        head.clutter.push(F.normalize(torch.randn(25, D, generator=generator), dim=1))
    return head


def features(seed=1, batch=B):
    return (torch.randn(batch, C, CELLS, CELLS, generator=torch.Generator().manual_seed(seed)),)


def samples(batch=B, hidden=0.3, seed=2, **meta):
    rng = np.random.default_rng(seed)
    codec, made = PrototypeCellCodec(INPUT, STRIDE), []
    for b in range(batch):
        encoded = codec.encode(rng.uniform(0, INPUT[0] - 1, (1, K, 2)), rng.random((1, K)) > hidden)
        sample = PoseDataSample(metainfo={name: value[b] for name, value in meta.items()})
        sample.gt_instance_labels = InstanceData(**encoded).to_tensor()
        made.append(sample)
    return made


def box(x1, y1, x2, y2):
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32)


def unit_map(head, feats):
    """(B, D, h, w), normalised cell by cell."""
    return F.normalize(F.conv2d(feats[0], head.projection.weight), dim=1)


def test_responses_are_shifted_cosines():
    head, feats = filled_head(), features()
    maps, vectors = head(feats), unit_map(head, feats)
    assert maps.shape == (B, K, CELLS, CELLS) and 0 <= maps.min() and maps.max() <= 1
    for b, k, y, x in ((0, 0, 0, 0), (1, 2, 5, 7), (2, 3, 11, 4)):
        expected = (1 + vectors[b, :, y, x] @ head.bank.theta[k]) / 2
        torch.testing.assert_close(maps[b, k, y, x], expected)
    assert not make_head()(features())[0].sub(0.5).any()  # nothing seen, nothing answered


@pytest.mark.parametrize('spatial', [0.0, 0.7])
@pytest.mark.parametrize('sampling', ['cell', 'bilinear'])
def test_loss_takes_the_right_cells(spatial, sampling, monkeypatch):
    drawn = torch.tensor([[0, 17, 143], [5, 6, 7], [100, 99, 3]])
    monkeypatch.setattr(
        'kpt_plugins.models.heads.coke_head.sample_clutter', lambda *a, **k: (drawn, None)
    )
    loss = dict(type='CoKeContrastiveLoss', spatial_weight=spatial)
    head, feats, data = filled_head(loss=loss, sampling=sampling), features(), samples()
    before = copy.deepcopy(head.state_dict())
    losses = head.loss(feats, data)

    vectors, at = unit_map(head, feats), torch.zeros(B, K, D)
    labels = [sample.gt_instance_labels for sample in data]
    for b, label in enumerate(labels):
        for k in range(K):
            x, y = label.keypoint_labels[0, k]
            at[b, k] = vectors[b, :, y, x]
            if sampling == 'bilinear':
                at[b, k] = 0
                projected = F.conv2d(feats[0], head.projection.weight)[b]
                px, py = (label.keypoint_positions[0, k] - 0.5).tolist()
                for i in range(CELLS):
                    for j in range(CELLS):
                        share = max(0, 1 - abs(px - i)) * max(0, 1 - abs(py - j))
                        at[b, k] += share * projected[:, j, i]
                at[b, k] = F.normalize(at[b, k], dim=0)
    noise = torch.stack([vectors[b].flatten(1)[:, drawn[b]].T for b in range(B)])
    cells = torch.cat([label.keypoint_labels for label in labels])
    visible = torch.cat([label.keypoint_weights for label in labels]) > 0
    theta = before['bank.theta']
    expected = CoKeContrastiveLoss(spatial_weight=spatial)(
        at, cells, visible, theta, noise, None, before['clutter.mem'], 25,
        torch.einsum('kd,bdn->bkn', theta, vectors.flatten(2)),
        cells[..., 1] * CELLS + cells[..., 0],
    )  # fmt: skip
    assert losses.keys() == expected.keys()
    for name, value in losses.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-5)
    # and afterwards the banks have taken the batch in
    for k in range(K):
        if visible[:, k].any():
            mixed = 0.9 * theta[k] + 0.1 * at[:, k][visible[:, k]].mean(0)
            torch.testing.assert_close(head.bank.theta[k], F.normalize(mixed, dim=0))
        else:
            assert torch.equal(head.bank.theta[k], theta[k])
    torch.testing.assert_close(head.clutter.mem[25:34], noise.flatten(0, 1))


@pytest.mark.parametrize('spatial', [0.0, 1.0])
def test_gradient_reaches_the_features_but_not_the_banks(spatial):
    head = filled_head(loss=dict(type='CoKeContrastiveLoss', spatial_weight=spatial))
    feats = (features()[0].requires_grad_(),)
    sum(head.loss(feats, samples()).values()).backward()
    assert feats[0].grad.isfinite().all() and head.projection.weight.grad.any()
    # Without the spatial term only keypoints and clutter cells are trained.
    touched = feats[0].grad.any(1).flatten(1).sum(1)
    assert (touched > K + 5).all() if spatial else (touched <= K + 5).all()
    assert not any(buffer.requires_grad for buffer in head.buffers())
    assert [name for name, _ in head.named_parameters()] == ['projection.weight']


def test_evaluation_leaves_the_banks_alone():
    head = filled_head().eval()
    before = copy.deepcopy(head.state_dict())
    head.loss(features(), samples())
    head.predict(features(), samples())
    assert all(torch.equal(value, before[name]) for name, value in head.state_dict().items())


def test_batch_without_visible_keypoints():
    head = filled_head()
    theta = head.bank.theta.clone()
    losses = head.loss(features(), samples(hidden=1.1))
    assert losses['loss_contrast'] == 0 and losses['loss_clutter'].isfinite()
    sum(losses.values()).backward()
    assert head.projection.weight.grad.isfinite().all()
    assert torch.equal(head.bank.theta, theta)


def test_first_batch_and_single_image():
    """Empty banks, and one instance of a category."""
    head = make_head()
    losses = head.loss(features(batch=1), samples(batch=1, hidden=0))
    assert sum(losses.values()) == 0
    assert head.bank.count.tolist() == [1] * K and head.clutter.filled == 5
    sum(head.loss(features(batch=1), samples(batch=1, hidden=0)).values()).backward()
    assert head.projection.weight.grad.any()


def test_without_clutter_bank():
    head, data = filled_head(clutter=None), samples()
    losses = head.loss(features(), data)
    assert losses['loss_contrast'] > 0
    preds = head.predict(features(), data)
    vectors = unit_map(head, features())
    peaks = torch.einsum('kd,bdhw->bkhw', head.bank.theta, vectors).flatten(2).max(-1)[0]
    scores = np.concatenate([pred.keypoint_scores for pred in preds])
    np.testing.assert_allclose(
        scores, ((peaks - head.bank.mu.norm(dim=1) / 2) / 0.07).sigmoid().detach(), rtol=1e-4
    )


def test_keypoints_are_all_over_the_map_if_the_map_is_small():
    """Fewer free cells than wanted: only the free ones go into the bank."""
    codec = dict(CODEC, input_size=(24, 24))
    head = filled_head(decoder=codec)
    encoded = PrototypeCellCodec((24, 24)).encode(np.array([[[0, 0], [0, 0], [20, 0], [0, 0.0]]]))
    sample = PoseDataSample()
    sample.gt_instance_labels = InstanceData(**encoded).to_tensor()
    losses = head.loss((torch.randn(1, C, 3, 3),), [sample])
    assert head.clutter.filled == 25 + 3  # the lowest row
    assert all(value.isfinite() for value in losses.values())


def slow_predictions(head, feats, boxes=None):
    """Peak cell and score of each image and keypoint."""
    vectors, clutter = unit_map(head, feats), head.clutter.mem[: head.clutter.filled]
    cells, scores = np.zeros((B, K, 2)), np.zeros((B, K))
    for b in range(B):
        for k in range(K):
            best = -2
            for y in range(CELLS):
                for x in range(CELLS):
                    if boxes is not None:
                        x1, y1, x2, y2 = boxes[b]
                        in_x = x * STRIDE - 0.5 <= x2 and (x + 1) * STRIDE - 0.5 >= x1
                        in_y = y * STRIDE - 0.5 <= y2 and (y + 1) * STRIDE - 0.5 >= y1
                        if not (in_x and in_y):
                            continue
                    response = (vectors[b, :, y, x] @ head.bank.theta[k]).item()
                    if response > best:
                        best, cells[b, k] = response, (x, y)
            reach = np.quantile([(c @ head.bank.theta[k]).item() for c in clutter], 0.99)
            middle = (reach + np.linalg.norm(head.bank.mu[k])) / 2
            scores[b, k] = 1 / (1 + np.exp((middle - best) / 0.07))
    return (cells + 0.5) * STRIDE - 0.5, scores


@pytest.mark.parametrize('boxed', [False, True])
def test_predictions(boxed):
    head, feats = filled_head(decoder=dict(CODEC, refine=None)).eval(), features()
    boxes = [(10, 20, 50, 70), (60, 0, 90, 30), (-20, 40, 20, 120)]
    data = samples(input_box=[box(*b) for b in boxes]) if boxed else samples()
    with torch.no_grad():
        preds = head.predict(feats, data)
        keypoints, scores = slow_predictions(head, feats, boxes if boxed else None)
    for b, pred in enumerate(preds):
        assert pred.keypoints.shape == (1, K, 2) and pred.keypoints.dtype == np.float32
        np.testing.assert_allclose(pred.keypoints[0], keypoints[b])
        np.testing.assert_allclose(pred.keypoint_scores[0], scores[b], rtol=1e-4)
    if boxed:
        free = filled_head(decoder=dict(CODEC, refine=None), mask_box=False)
        everywhere = np.concatenate([p.keypoints for p in free.predict(feats, data)])
        assert not np.array_equal(everywhere, keypoints)
        np.testing.assert_allclose(everywhere, slow_predictions(head, feats)[0])


def test_one_sample_without_box():
    head, feats, data = filled_head(), features(), samples()
    data[1].set_metainfo(dict(input_box=box(0, 0, 30, 30)))
    preds = head.predict(feats, data)
    assert (preds[1].keypoints <= 32).all()
    np.testing.assert_array_equal(
        preds[0].keypoints, filled_head(mask_box=False).predict(feats, data)[0].keypoints
    )


def test_responses_as_fields():
    head, feats = filled_head(), features()
    preds, fields = head.predict(feats, samples(), dict(output_heatmaps=True))
    assert len(preds) == B
    maps = torch.stack([field.heatmaps for field in fields])
    torch.testing.assert_close(maps, head(feats))


def test_flip_test():
    head, pairs = filled_head(), [1, 0, 2, 3]
    data = samples(flip_indices=[pairs] * B)
    straight, mirrored = features(1), features(9)
    _, fields = head.predict([straight, mirrored], data, dict(flip_test=True, output_heatmaps=True))
    expected = (head(straight) + head(mirrored)[:, pairs].flip(-1)) / 2
    torch.testing.assert_close(torch.stack([f.heatmaps for f in fields]), expected)
    # An image whose mirrored features are the mirrored features: nothing changes, scores neither,
    # except that the paired keypoints have to have the same prototype.
    head.bank.theta[1] = head.bank.theta[0]
    flipped = (straight[0].flip(-1),)
    twice = head.predict([straight, flipped], data, dict(flip_test=True))
    once = head.predict(straight, data)
    for a, b in zip(twice, once, strict=True):
        np.testing.assert_allclose(a.keypoints, b.keypoints, atol=1e-3)
        np.testing.assert_allclose(a.keypoint_scores, b.keypoint_scores, atol=1e-5)


def test_keypoints_are_independent():
    """Erasing or exchanging prototypes leaves the other keypoints where they are."""
    head, feats, data = filled_head(), features(), samples()
    before = head.predict(feats, data)
    for table in (head.bank.theta, head.bank.mu):
        table[2] = 0
        table[[0, 1]] = table[[1, 0]]
    for a, b in zip(before, head.predict(feats, data), strict=True):
        np.testing.assert_array_equal(a.keypoints[:, [1, 0, 3]], b.keypoints[:, [0, 1, 3]])
        np.testing.assert_allclose(
            a.keypoint_scores[:, [1, 0, 3]], b.keypoint_scores[:, [0, 1, 3]], rtol=1e-6
        )


def test_several_categories():
    head = filled_head(num_classes=2, category_ids=[7, 3])
    # MMPose's records have arrays
    feats, data = features(), samples(category_id=[np.array(3), 7, 3])
    assert head(feats).shape[1] == 2 * K
    theta = head.bank.theta.clone()
    preds = head.predict(feats, data)
    for b, category in enumerate([1, 0, 1]):
        single = filled_head()
        single.load_state_dict({**head.state_dict(), **{
            f'bank.{name}': getattr(head.bank, name)[category * K:][:K]
            for name in ('theta', 'mu', 'count')
        }})  # fmt: skip
        alone = single.predict((feats[0][b : b + 1],), data[b : b + 1])[0]
        np.testing.assert_allclose(alone.keypoints, preds[b].keypoints, atol=1e-4)
        np.testing.assert_allclose(alone.keypoint_scores, preds[b].keypoint_scores, rtol=1e-4)
    head.loss((feats[0][[0, 2]],), [data[0], data[2]])
    assert torch.equal(head.bank.theta[:K], theta[:K])
    assert not torch.equal(head.bank.theta[K:], theta[K:])


def test_category_errors():
    head = filled_head(num_classes=2, category_ids=[7, 3])
    with pytest.raises(ValueError, match=r'category_id of a sample is 5; .* are \[7, 3\]'):
        head.predict(features(), samples(category_id=[3, 5, 7]))
    with pytest.raises(ValueError, match='has no category_id in its metainfo'):
        head.loss(features(), samples())


@pytest.mark.parametrize('classes', [1, 2])
def test_added_keypoints_leave_the_old_detections(classes):
    head = filled_head(num_classes=classes).eval()
    feats, data = features(), samples(category_id=[0, classes - 1, 0])
    before = head.predict(feats, data)
    head.add_rows(2)
    assert head.num_keypoints == head.out_channels == K + 2
    for old, new in zip(before, head.predict(feats, data), strict=True):
        np.testing.assert_array_equal(old.keypoints, new.keypoints[:, :K])
        np.testing.assert_allclose(old.keypoint_scores, new.keypoint_scores[:, :K], rtol=1e-5)
    larger = make_head(num_keypoints=K + 2, num_classes=classes)
    larger.load_state_dict(head.state_dict())


def test_checkpoints():
    head, other = filled_head(), make_head()
    head.loss(features(), samples())
    other.load_state_dict(head.state_dict(), strict=True)
    assert torch.equal(other(features()), head(features()))
    assert torch.equal(other.score_threshold(), head.score_threshold())
    with pytest.raises(ValueError, match='theta .* has 4 prototypes of 8 .* the model has 5 of 8'):
        mmengine_load(make_head(num_keypoints=K + 1), head.state_dict())


def test_autocast_and_half_precision():
    """Losses, banks and scores in single precision; about the same predictions."""
    head, feats, data = filled_head(), features(), samples()
    expected = [pred.keypoint_scores for pred in head.predict(feats, data)]
    for spatial in (0, 1):
        head.loss_module.spatial_weight = spatial
        with torch.autocast('cpu', dtype=torch.bfloat16):
            losses = head.loss(feats, data)
            head.predict(feats, data)
        assert all(value.dtype == torch.float32 for value in losses.values())
    assert head.bank.theta.dtype == head.clutter.mem.dtype == torch.float32
    half = filled_head().to(torch.bfloat16)
    found = [p.keypoint_scores for p in half.predict((feats[0].bfloat16(),), data)]
    np.testing.assert_allclose(np.stack(found), np.stack(expected), atol=0.1)
    losses = half.loss((feats[0].bfloat16(),), data)
    sum(losses.values()).backward()
    assert half.bank.theta.dtype == torch.float32 and half.bank.count.sum() > 0


@pytest.mark.parametrize('spatial', [0.0, 1.0])
def test_feature_map_of_another_size(spatial):
    head = filled_head(loss=dict(type='CoKeContrastiveLoss', spatial_weight=spatial))
    small = (torch.randn(B, C, 6, 12),)
    message = r'feature map has 6 x 12 cells; the decoder expects 12 x 12, from input_size=\(96, 96'
    with pytest.raises(ValueError, match=message):
        head.loss(small, samples())
    with pytest.raises(ValueError, match=message):
        head.predict(small, samples())


def test_labels_of_others():
    with pytest.raises(ValueError, match='labels of 4 keypoints; the head has num_keypoints=6'):
        make_head(num_keypoints=6).loss(features(), samples())
    data = samples()
    data[0].gt_instance_labels = InstanceData(keypoint_weights=torch.ones(1, K))
    with pytest.raises(ValueError, match=r"have the labels \['keypoint_weights'\]; expected"):
        make_head().loss(features(), data)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(num_keypoints=0), 'num_keypoints is 0'),
        (dict(num_classes=0), 'num_classes is 0'),
        (dict(noise_per_image=-1), 'noise_per_image is -1'),
        (dict(noise_per_image=145), 'noise_per_image is 145; the map has 144 cells'),
        (dict(exclude_radius=-1), 'exclude_radius is -1'),
        (dict(noise_inside=1.5), 'noise_inside is 1.5'),
        (dict(sampling='nearest'), "sampling is 'nearest'"),
        (dict(score_temperature=0), 'score_temperature is 0'),
        (dict(category_ids=[1, 2]), r'category_ids is \[1, 2\]; expected 1'),
        (dict(num_classes=2, category_ids=[1, 1]), r'category_ids is \[1, 1\]; expected 2'),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        make_head(**options)


def test_other_decoder():
    codec = dict(type='MSRAHeatmap', input_size=INPUT, heatmap_size=(CELLS, CELLS), sigma=2)
    with pytest.raises(TypeError, match='decoder is MSRAHeatmap; expected a PrototypeCellCodec'):
        CoKeHead(C, K, codec)


@pytest.mark.parametrize('clutter', [None, dict(type='ClutterBank', size=40)])
def test_a_keypoint_that_was_never_seen_scores_zero(clutter):
    head = filled_head(clutter=clutter).eval()
    before = head.predict(features(), samples())
    head.add_rows(2)
    for one, other in zip(before, head.predict(features(), samples()), strict=True):
        scores = other.keypoint_scores[0]
        assert (scores[K:] == 0).all() and (scores[:K] > 0).all()
        assert np.array_equal(scores[:K], one.keypoint_scores[0])


def test_clutter_bank_without_clutter():
    with pytest.raises(ValueError, match='noise_per_image is 0.*clutter=None'):
        make_head(noise_per_image=0)
    make_head(noise_per_image=0, clutter=None)


def test_category_for_samples_that_have_none():
    head = filled_head(num_classes=2, category_ids=[4, 9]).eval()
    given = head.predict(features(), samples(category_id=[9] * B))
    for category, same in ((9, True), (4, False)):
        found = head.predict(features(), samples(), dict(category_id=category))
        for one, other in zip(given, found, strict=True):
            assert np.array_equal(one.keypoints, other.keypoints) == same
    with pytest.raises(ValueError, match=r'model.test_cfg.category_id says which of \[4, 9\]'):
        head.predict(features(), samples())


def test_flip_indices_of_another_number():
    head = filled_head().eval()
    head.add_rows(1)
    meta = dict(flip_indices=[list(range(K))] * B)
    with pytest.raises(ValueError, match=f'flip_indices of the samples are of {K} keypoints'):
        head.predict((features(), features()), samples(**meta), dict(flip_test=True))
