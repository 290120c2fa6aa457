import copy

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS

from kpt_plugins.structures.step_manifest import StepManifest, sha256_of
from kpt_plugins.structures.triplets import Triplet
from tests.tiny_steps import STEPS, base_model, dataset, incremental_model, write_dots


@pytest.fixture(scope='module')
def dots(tmp_path_factory):
    init_default_scope('mmpose')
    return write_dots(tmp_path_factory.mktemp('dots') / 'data')


@pytest.fixture(scope='module')
def parent(tmp_path_factory):
    """The base detector's checkpoint, with statistics of its own."""
    init_default_scope('mmpose')
    torch.manual_seed(0)
    model = MODELS.build(base_model())
    model.init_weights()
    torch.nn.init.normal_(model.head.final_layer.weight, std=0.5)
    model.train()
    model.head(model.extract_feat(torch.randn(4, 3, 48, 48)))
    path = tmp_path_factory.mktemp('parent') / 'detector.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


def build(parent, step=1, **kwargs):
    model = MODELS.build(incremental_model(step, parent, **kwargs))
    model.init_weights()
    if model.ka_net is not None:
        model.set_triplets([Triplet('l_hand', 'r_hand', 'head')])
    return model.train()


def batch_of(root, model, step=1, number=4, **kwargs):
    items = DATASETS.build(dataset(root, step, **kwargs))
    return model.data_preprocessor(pseudo_collate([items[i] for i in range(number)]), True)


def step_once(model, batch, optimizer):
    loss, _ = model.parse_losses(model(**batch, mode='loss'))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def state_of(module):
    return copy.deepcopy(module.state_dict())


def same(a, b):
    return all(torch.equal(a[key], b[key]) for key in a)


@torch.no_grad()
def test_starts_as_the_old_detector(dots, parent):
    model = build(parent).eval()
    inputs = batch_of(dots, model)['inputs']
    old = MODELS.build(base_model()).eval()
    old.load_state_dict(torch.load(parent)['state_dict'])
    heatmaps = model.head(model.extract_feat(inputs))
    assert heatmaps.shape[1] == 4
    assert torch.equal(heatmaps[:, :2], old.head(old.extract_feat(inputs)))
    features, taught = model.teach(inputs)
    assert torch.equal(taught, heatmaps[:, :2]) and features.shape[1:] == (8, 12, 12)


def test_state_dict_is_that_of_the_plain_detector(parent):
    state = build(parent).state_dict()
    plain = MODELS.build(base_model(num_keypoints=4))
    plain.load_state_dict(state, strict=True)
    again = MODELS.build(incremental_model(1, parent))
    missing, unexpected = again.load_state_dict(state)
    assert not missing and not unexpected


@pytest.mark.parametrize('stage', ['association', 'promotion'])
def test_what_a_stage_trains(dots, parent, stage):
    model = build(parent)
    model.set_stage(stage)
    batch = batch_of(dots, model)
    teacher, ka_net, student = state_of(model.teacher), state_of(model.ka_net), state_of(model)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-2)
    for _ in range(2):
        step_once(model, batch, optimizer)
        model.train()  # as the runner does at every epoch
    assert same(teacher, model.teacher.state_dict())
    assert same(ka_net, model.ka_net.state_dict()) == (stage == 'promotion')
    assert same(student, model.state_dict()) == (stage == 'association')


def test_losses_are_the_parts(dots, parent):
    """Each against its own computation, with one pass of the student."""
    model = build(parent)
    batch = batch_of(dots, model)
    calls = []
    model.backbone.register_forward_hook(lambda *_: calls.append(1))
    torch.manual_seed(0)
    losses = model.loss(**batch)
    assert len(calls) == 1
    assert set(losses) == {'loss_kpt', 'acc_pose', 'loss_distillation', 'loss_association'}
    model.backbone.zero_grad()
    heatmaps = model.head(model.extract_feat(batch['inputs']))
    features, taught = model.teach(batch['inputs'])
    samples = batch['data_samples']
    truth = torch.stack([s.gt_fields.heatmaps for s in samples])[:, 2:]
    expected = ((heatmaps[:, 2:] - truth) ** 2).mean()
    torch.testing.assert_close(losses['loss_kpt'], expected)
    soft = taught.flatten(2).softmax(-1)
    cross = -(soft * heatmaps[:, :2].flatten(2).log_softmax(-1)).sum(-1)
    torch.testing.assert_close(losses['loss_distillation'], cross.mean())
    known = model.ka_net(features, truth[:, :1], truth[:, 1:])
    soft = known.flatten(2).softmax(-1)
    cross = -(soft * heatmaps[:, :1].flatten(2).log_softmax(-1)).sum(-1)
    torch.testing.assert_close(losses['loss_association'], cross.mean())
    assert not losses['loss_association'].isnan()


def test_samples_without_both_new_keypoints_teach_no_association(dots, parent):
    model = build(parent)
    batch = batch_of(dots, model)
    samples = batch['data_samples']
    samples[0].gt_instance_labels.keypoint_weights[:, 2] = 0
    _, weights = model.associate(*model.teach(batch['inputs']), samples)
    assert weights[:, 0].tolist() == [0, 1, 1, 1]
    for sample in samples:
        sample.gt_instance_labels.keypoint_weights[:, 2] = 0
    model.set_stage('association')
    assert model.loss(**batch)['loss_association'] == 0
    model.set_stage('promotion')
    assert model.loss(**batch)['loss_association'] == 0


@torch.no_grad()
def test_an_unsure_teacher_teaches_no_association(dots, parent):
    model = build(parent)
    batch = batch_of(dots, model)
    features, taught = model.teach(batch['inputs'])
    peaks = taught[:, 0].amax(dim=(1, 2))
    model.peak_threshold = float(peaks.sort().values[1:3].mean())  # two images above, two below
    _, weights = model.associate(features, taught, batch['data_samples'])
    assert weights[:, 0].tolist() == (peaks >= model.peak_threshold).tolist()
    assert weights.sum() == 2


def test_frozen_norms(dots, parent):
    """All of the student's, those of the head too; by default all are trained."""
    for frozen in (True, False):
        model = build(parent, norm_eval=frozen)
        before = {k: v.clone() for k, v in model.state_dict().items() if 'running_mean' in k}
        assert any(k.startswith('head.') for k in before)
        model.loss(**batch_of(dots, model))
        after = model.state_dict()
        assert all(torch.equal(before[k], after[k]) == frozen for k in before)


def test_a_parent_of_other_keypoints_is_refused(parent, tmp_path):
    """Also without a manifest beside it."""
    content = torch.load(parent)
    content['meta'] = dict(keypoint_names=['tail', 'head'])
    torch.save(content, tmp_path / 'copy.pth')
    with pytest.raises(ValueError, match='copy.pth cannot be .* it has the keypoints tail, head'):
        build(tmp_path / 'copy.pth')


def test_a_parent_that_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / 'text.pth').write_text('no weights at all')
    with pytest.raises(ValueError, match=r'text\.pth is .*damaged'):
        build(tmp_path / 'text.pth')


def test_old_labels_are_not_used(dots, parent):
    """The losses do not depend on what the old channels' targets say."""
    model = build(parent)
    batch = batch_of(dots, model)
    before = model.loss(**batch)
    for sample in batch['data_samples']:
        sample.gt_fields.heatmaps[:2] = 7.0
        sample.gt_instance_labels.keypoint_weights[:, :2] = 1
    after = model.loss(**batch)
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_joint_training_uses_all_labels(dots, parent):
    model = build(parent, distillation=None, ka_net=None, joint=True)
    batch = batch_of(dots, model, split='seen', hide_old=False)
    assert set(losses := model.loss(**batch)) == {'loss_kpt', 'acc_pose'}
    truth = torch.stack([s.gt_fields.heatmaps for s in batch['data_samples']])
    heatmaps = model.head(model.extract_feat(batch['inputs']))
    torch.testing.assert_close(losses['loss_kpt'], ((heatmaps - truth) ** 2).mean())


def test_prediction_is_the_plain_detector(dots, parent):
    model = build(parent).eval()
    plain = MODELS.build(base_model(num_keypoints=4)).eval()
    plain.load_state_dict(model.state_dict())
    items = DATASETS.build(dataset(dots, 1, test=True))
    data = pseudo_collate([items[0], items[1]])
    for ours, theirs in zip(model.test_step(data), plain.test_step(data), strict=True):
        assert (ours.pred_instances.keypoints == theirs.pred_instances.keypoints).all()


class TestErrors:
    def test_step(self, parent):
        with pytest.raises(ValueError, match='step=3.*there are 3 steps'):
            MODELS.build(incremental_model(3, parent))
        with pytest.raises(ValueError, match='step 0 is the base'):
            MODELS.build(incremental_model(0, parent))

    def test_head(self, parent):
        head = dict(type='SimCCHead', in_channels=16)
        with pytest.raises(ValueError, match="must be a HeatmapHead, got 'SimCCHead'"):
            MODELS.build(incremental_model(1, parent, head=head))

    def test_no_parent(self):
        with pytest.raises(ValueError, match='model.parent is not set: step 1'):
            MODELS.build(incremental_model(1, None)).init_weights()

    def test_missing_parent(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='no such old detector'):
            MODELS.build(incremental_model(1, tmp_path / 'none.pth')).init_weights()

    def test_parent_with_another_number_of_keypoints(self, tmp_path):
        path = tmp_path / 'detector.pth'
        torch.save(MODELS.build(base_model(num_keypoints=3)).state_dict(), path)
        with pytest.raises(ValueError, match='old detector has 2 keypoints'):
            MODELS.build(incremental_model(1, path)).init_weights()

    @pytest.mark.parametrize('names', [('tail', 'head'), ('head',)])
    def test_parent_with_another_manifest(self, parent, tmp_path, names):
        path = tmp_path / 'detector.pth'
        path.write_bytes(parent.read_bytes())
        StepManifest(0, names, names, path.name, sha256_of(path)).write(tmp_path)
        with pytest.raises(ValueError, match=r'manifest has the keypoints .*expects head, tail'):
            MODELS.build(incremental_model(1, path)).init_weights()

    def test_parent_that_was_changed(self, parent, tmp_path):
        path = tmp_path / 'detector.pth'
        path.write_bytes(parent.read_bytes())
        StepManifest(0, STEPS[0], STEPS[0], path.name, '0' * 64).write(tmp_path)
        with pytest.raises(ValueError, match='is not the file that .*manifest.json describes'):
            MODELS.build(incremental_model(1, path)).init_weights()

    def test_number_of_triplets(self, parent):
        model = build(parent)
        with pytest.raises(ValueError, match='has 2 triplets, model.ka_net.num_triplets is 1'):
            model.set_triplets([Triplet('l_hand', 'r_hand', 'head')] * 2)
