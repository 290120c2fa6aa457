"""Runs of a tiny detector on random images, against loops over its steps and parameters."""

import itertools

import pytest
import torch
from mmengine.dataset import DefaultSampler
from mmengine.runner import Runner
from mmengine.structures import InstanceData, PixelData
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from torch import nn
from torch.utils.data import Dataset

from kpt_plugins.engine.hooks import ParameterImportanceHook
from kpt_plugins.models.regularizers import ParameterRegularizer, load_importance, save_importance
from tests.models.regularizers.test_path_integral import slow_walk

K, SIZE, BATCH, IMAGES, EPOCHS = 3, 8, 2, 6, 4
_names = itertools.count()


@MODELS.register_module()
class TinyBackbone(nn.Module):
    """One convolution with batch norm, so that evaluation mode matters."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x):
        return (torch.relu(self.norm(self.conv(x))),)


class RandomImages(Dataset):
    def __len__(self):
        return IMAGES

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        sample = PoseDataSample()
        sample.gt_fields = PixelData(heatmaps=torch.rand(K, SIZE, SIZE, generator=generator))
        sample.gt_instance_labels = InstanceData(keypoint_weights=torch.ones(1, K))
        return dict(inputs=torch.randn(3, SIZE, SIZE, generator=generator), data_samples=sample)


class Detector(TopdownPoseEstimator):
    """With a penalty, like the detector of an incremental step, if it is given one."""

    def __init__(self, penalty=None):
        super().__init__(
            backbone=dict(type='TinyBackbone'),
            head=dict(type='HeatmapHead', in_channels=4, out_channels=K, deconv_out_channels=None),
            data_preprocessor=dict(type='mmpose.PoseDataPreprocessor'),
        )
        self.regularizer = penalty

    def init_weights(self):
        """The same at every construction, and not too small for importances."""
        generator = torch.Generator().manual_seed(0)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.5

    def loss(self, inputs, data_samples):
        losses = super().loss(inputs, data_samples)
        if self.regularizer is not None:
            losses['loss_regularizer'] = self.regularizer(self)
        return losses


def build(
    work_dir,
    hook=None,
    penalty=None,
    max_epochs=EPOCHS,
    clip_grad=None,
    dataset=None,
    **kwargs,
):
    dataset = dataset or RandomImages()
    return Runner(
        model=Detector(penalty),
        work_dir=str(work_dir),
        train_dataloader=dict(
            dataset=dataset,
            sampler=DefaultSampler(dataset, shuffle=False),
            batch_size=BATCH,
            collate_fn=dict(type='pseudo_collate'),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=max_epochs),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=0.02), clip_grad=clip_grad),
        default_scope='mmpose',
        custom_hooks=[hook or ParameterImportanceHook()],
        experiment_name=f'importance_{next(_names)}',
        randomness=dict(seed=3),
        log_level='WARNING',
        **kwargs,
    )


def train(work_dir, **kwargs):
    """A run's model and the content of its file."""
    runner = build(work_dir, **kwargs)
    runner.train()
    return runner.model.cpu(), load_importance(work_dir / 'importance.pth')


def prepared(model, first):
    data = [RandomImages()[i] for i in range(first, first + BATCH)]
    inputs = torch.stack([entry['inputs'] for entry in data])
    return inputs, [entry['data_samples'] for entry in data]


def task_loss(model, inputs, samples):
    return TopdownPoseEstimator.loss(model, inputs, samples)['loss_kpt']


def slow_training(penalty=None, max_norm=None):
    """The same run by hand: the model, and per step the task's gradients and the changes."""
    model = Detector(penalty)
    model.init_weights()
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), 0.02)
    parameters, record = dict(model.named_parameters()), []
    for _ in range(EPOCHS):
        for first in range(0, IMAGES, BATCH):
            loss = task_loss(model, *prepared(model, first))
            gradients = torch.autograd.grad(loss, list(parameters.values()), retain_graph=True)
            total = loss if penalty is None else loss + penalty(model)
            optimizer.zero_grad()
            total.backward()
            if max_norm:
                nn.utils.clip_grad_norm_(model.parameters(), max_norm)
            before = {name: p.detach().clone() for name, p in parameters.items()}
            optimizer.step()
            changes = {name: p.detach() - before[name] for name, p in parameters.items()}
            record.append((dict(zip(parameters, gradients, strict=True)), changes))
    return model, record


def slow_from_gradients(model, num_batches):
    """Fisher and MAS, each batch's gradients by themselves."""
    model.eval()
    parameters = dict(model.named_parameters())
    fisher = {name: torch.zeros_like(p) for name, p in parameters.items()}
    sensitivity = {name: torch.zeros_like(p) for name, p in parameters.items()}
    for b in range(num_batches):
        inputs, samples = prepared(model, b * BATCH)
        model.zero_grad()
        task_loss(model, inputs, samples).backward()
        for name, parameter in parameters.items():
            fisher[name] += parameter.grad**2 / num_batches
        model.zero_grad()
        heatmaps = model.head(model.extract_feat(inputs))
        (sum((sample**2).sum() for sample in heatmaps) / BATCH).backward()
        for name, parameter in parameters.items():
            sensitivity[name] += parameter.grad.abs() / num_batches
    return fisher, sensitivity


def slow_path_integrals(record, model):
    """SI, and RWalk's Fisher and score, of every single entry."""
    si, rwalk = {}, {}
    for name, parameter in model.named_parameters():
        for i in range(parameter.numel()):
            steps = [(g[name].view(-1)[i].item(), c[name].view(-1)[i].item()) for g, c in record]
            omega, moved = -sum(g * c for g, c in steps), sum(c for _, c in steps)
            si[name, i] = max(omega, 0) / (moved**2 + 1e-3)
            rwalk[name, i] = slow_walk(steps, interval=10, rate=0.9, damping=1e-3)
    fisher = max(fisher for fisher, _ in rwalk.values())
    score = max(score for _, score in rwalk.values())
    return si, {key: f / fisher + s / score for key, (f, s) in rwalk.items()}


def assert_close(tensors, expected, rtol=2e-3):
    """Entry by entry, to a share of the largest where they are much smaller."""
    for name, value in tensors.items():
        other = torch.tensor([expected[name, i] for i in range(value.numel())]).view(value.shape)
        assert torch.allclose(value, other, rtol=rtol, atol=1e-4 * max(expected.values())), name
    assert sum(value.numel() for value in tensors.values()) == len(expected)


def entries(tensors):
    return {
        (name, i): entry.item()
        for name, value in tensors.items()
        for i, entry in enumerate(value.reshape(-1))
    }


def make_penalty(tmp_path, weight):
    """Of a step before with other parameters, and random importances of two kinds."""
    generator = torch.Generator().manual_seed(9)
    model = Detector()
    model.init_weights()
    old = {
        n: p + 0.3 * torch.randn(p.shape, generator=generator) for n, p in model.named_parameters()
    }
    kinds = {
        kind: {n: torch.rand(p.shape, generator=generator) for n, p in old.items()}
        for kind in ('ewc', 'rwalk')
    }
    save_importance(tmp_path / 'before.pth', old, kinds)
    penalty = ParameterRegularizer('ewc', weight, str(tmp_path / 'before.pth'))
    penalty.load()
    return penalty, kinds


@pytest.mark.parametrize('max_norm', [None, 0.05])
def test_equals_loops(tmp_path, max_norm):
    model, (parameters, found) = train(tmp_path, clip_grad=max_norm and dict(max_norm=max_norm))
    slow_model, record = slow_training(max_norm=max_norm)
    assert len(record) == 12  # more than an interval of RWalk, and a part of one
    for name, parameter in slow_model.named_parameters():
        assert torch.allclose(parameters[name], parameter, atol=1e-5)
        assert torch.equal(parameters[name], dict(model.named_parameters())[name])
    assert list(found) == ['ewc', 'mas', 'si', 'rwalk']
    si, rwalk = slow_path_integrals(record, slow_model)
    assert_close(found['si'], si)
    assert_close(found['rwalk'], rwalk)
    fisher, sensitivity = slow_from_gradients(slow_model, IMAGES // BATCH)
    assert_close(found['ewc'], entries(fisher))
    assert_close(found['mas'], entries(sensitivity))


def test_the_task_alone_and_the_steps_before(tmp_path):
    """A model with a penalty: not part of the gradients, and its importances are added."""
    penalty, earlier = make_penalty(tmp_path, weight=0.5)
    model, (_, found) = train(tmp_path, penalty=penalty, clip_grad=dict(max_norm=0.05))
    assert penalty.loss_weight == 0.5
    slow_model, record = slow_training(penalty, max_norm=0.05)
    si, rwalk = slow_path_integrals(record, slow_model)
    slow_model.regularizer = None
    fisher, sensitivity = slow_from_gradients(slow_model, IMAGES // BATCH)
    before = {kind: entries(tensors) for kind, tensors in earlier.items()}
    assert_close(found['si'], si)
    assert_close(found['mas'], entries(sensitivity))
    assert_close(found['ewc'], {k: v + before['ewc'][k] for k, v in entries(fisher).items()})
    assert_close(found['rwalk'], {k: (v + before['rwalk'][k]) / 2 for k, v in rwalk.items()})


def test_changes_nothing_of_the_model(tmp_path):
    """Batch norm's statistics among it: gradients are taken in evaluation mode."""
    with_hook, _ = train(tmp_path / 'with')
    without = build(tmp_path / 'without', hook=dict(type='EpochSeedHook'))
    without.train()
    state = without.model.cpu().state_dict()
    assert all(torch.equal(value, state[name]) for name, value in with_hook.state_dict().items())
    assert with_hook.training
    assert all(p.grad is None for p in with_hook.parameters())


def test_number_of_batches(tmp_path):
    hook = ParameterImportanceHook(kinds=['mas', 'ewc'], num_batches=2)
    model, (_, found) = train(tmp_path, hook=hook)
    assert list(found) == ['mas', 'ewc']
    fisher, sensitivity = slow_from_gradients(model, 2)
    assert_close(found['ewc'], entries(fisher))
    assert_close(found['mas'], entries(sensitivity))


@pytest.mark.parametrize('stopped', [1, 3])
def test_resumed_run_ends_with_the_same_file(tmp_path, stopped):
    _, (_, whole) = train(tmp_path / 'whole')
    train(tmp_path / 'cut', max_epochs=stopped)
    (tmp_path / 'cut' / 'importance.pth').unlink()
    _, (_, resumed) = train(tmp_path / 'cut', resume=True)
    for kind, tensors in whole.items():
        for name, value in tensors.items():
            assert torch.equal(resumed[kind][name], value), (kind, name)


class NoisyImages(RandomImages):
    def __getitem__(self, index):
        entry = super().__getitem__(index)
        return dict(entry, inputs=entry['inputs'] + torch.randn(3, SIZE, SIZE))


def test_finished_run_resumed_writes_the_same_file(tmp_path):
    """Its random generators are elsewhere then than at the end of training."""
    _, (_, first) = train(tmp_path, dataset=NoisyImages())
    (tmp_path / 'importance.pth').unlink()
    _, (_, again) = train(tmp_path, dataset=NoisyImages(), resume=True)
    for kind, tensors in first.items():
        for name, value in tensors.items():
            assert torch.equal(again[kind][name], value), (kind, name)


def test_checkpoint_has_no_more_than_a_detector_s_weights(tmp_path):
    """A run that starts from a checkpoint, and does not resume it, counts from its own start."""
    model, _ = train(tmp_path / 'first', max_epochs=1)
    checkpoint = torch.load(tmp_path / 'first' / 'epoch_1.pth', weights_only=False)
    assert set(checkpoint['state_dict']) == set(model.state_dict())
    assert set(checkpoint['path_integral']) == {'si', 'rwalk'}
    hook = ParameterImportanceHook()
    runner = build(
        tmp_path / 'second',
        hook=hook,
        max_epochs=1,
        load_from=str(tmp_path / 'first' / 'epoch_1.pth'),
    )
    runner.train()
    assert hook.integrals['rwalk'].steps == 3


def test_resume_of_a_run_without_the_sums(tmp_path):
    train(tmp_path, hook=ParameterImportanceHook(['ewc', 'si']), max_epochs=1)
    with pytest.raises(ValueError, match="no path integral for kind 'rwalk'"):
        train(tmp_path, resume=True)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(kinds=['ewc', 'fisher']), r"kinds is \('ewc', 'fisher'\)"),
        (dict(kinds=[]), r'kinds is \(\); expected one or more'),
        (dict(num_batches=0), 'num_batches is 0'),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(ValueError, match=message):
        ParameterImportanceHook(**options)


def test_file_is_whole_or_absent(tmp_path, monkeypatch):
    def cut(path, *_):
        path.write_bytes(b'half')
        raise OSError('disk full')

    train(tmp_path, max_epochs=1)
    whole = (tmp_path / 'importance.pth').read_bytes()
    module = 'kpt_plugins.engine.hooks.parameter_importance_hook'
    monkeypatch.setattr(f'{module}.save_importance', cut)
    with pytest.raises(OSError, match='disk full'):
        train(tmp_path, max_epochs=1)
    assert (tmp_path / 'importance.pth').read_bytes() == whole
