import pytest
import torch

from kpt_plugins.engine import NonFiniteLossError, NonFiniteLossHook, SafeCheckpointHook
from kpt_plugins.engine.hooks.non_finite_loss_hook import describe_batch

from .toy import ToyModel, toy_runner


def make_runner(tmp_path, model, **kwargs):
    hooks = dict(checkpoint=dict(type=SafeCheckpointHook, interval=1, by_epoch=True))
    return toy_runner(
        tmp_path, model, max_epochs=3, hooks=[NonFiniteLossHook()], default_hooks=hooks, **kwargs
    )


def test_stops_names_the_batch_and_keeps_the_checkpoint(tmp_path):
    # Two iterations an epoch: the last of the second epoch, right before its checkpoint.
    runner = make_runner(tmp_path, ToyModel(bad_iteration=3))
    with pytest.raises(NonFiniteLossError) as error:
        runner.train()
    text = str(error.value)
    assert 'iteration 4 (epoch 2, batch 2' in text
    assert 'loss=nan' in text
    assert 'id=102' in text and 'img_path=images/3.jpg' in text and 'support_ids=[7]' in text
    assert 'epoch_1.pth, is intact' in text
    assert sorted(p.name for p in tmp_path.glob('*.pth*')) == ['epoch_1.pth']
    saved = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)['state_dict']
    assert torch.isfinite(saved['linear.weight']).all()


def test_bad_gradient_of_a_finite_loss_never_reaches_a_checkpoint(tmp_path):
    runner = make_runner(tmp_path, ToyModel(bad_iteration=3, bad_gradient=True))
    with pytest.raises(NonFiniteLossError, match='linear.weight for one; this checkpoint is not'):
        runner.train()
    assert sorted(p.name for p in tmp_path.glob('*.pth*')) == ['epoch_1.pth']
    assert (tmp_path / 'last_checkpoint').read_text().endswith('epoch_1.pth')


def test_good_training_is_left_alone(tmp_path):
    # acc_pose is NaN and a buffer infinite all the time: neither is a loss or a parameter.
    make_runner(tmp_path, ToyModel()).train()
    assert (tmp_path / 'epoch_3.pth').is_file()


def test_without_a_checkpoint_the_message_says_so(tmp_path):
    with pytest.raises(NonFiniteLossError, match='No checkpoint was written yet'):
        make_runner(tmp_path, ToyModel(bad_iteration=0)).train()


def test_batches_without_samples_can_be_described():
    assert describe_batch([1, 2]) == ['(a list without data_samples)']
