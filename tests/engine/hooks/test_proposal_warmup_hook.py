import pytest
from torch import nn

from kpt_plugins.engine.hooks import ProposalWarmupHook, SafeCheckpointHook

from .toy import ToyModel, toy_runner


class Head(nn.Module):
    def __init__(self, proposal=True):
        super().__init__()
        self.proposal = nn.Linear(3, 1) if proposal else None
        self.recurrent = True


class Model(ToyModel):
    """Notes at every training iteration whether its head is recurrent."""

    def __init__(self, proposal=True):
        super().__init__()
        self.head = Head(proposal)
        self.seen = []

    def forward(self, inputs, data_samples=None, mode='tensor'):
        if mode == 'loss':
            self.seen.append(self.head.recurrent)
        return super().forward(inputs, data_samples, mode)


class Wrapped(Model):
    """As wrappers for several processes: the model itself is ``module``."""

    def __init__(self):
        super().__init__()
        self.module = Model()
        self.head = None

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)


def train(work_dir, num_epochs, max_epochs, model=None, **kwargs):
    """The iterations' notes (two an epoch) and the head afterwards."""
    model = model or Model()
    hooks = [ProposalWarmupHook(num_epochs)]
    checkpoint = dict(checkpoint=dict(type=SafeCheckpointHook, interval=1))
    runner = toy_runner(
        work_dir, model, max_epochs, hooks=hooks, default_hooks=checkpoint, **kwargs
    )
    runner.train()
    return model.seen, model.head


@pytest.mark.parametrize('warmup', [0, 1, 2, 3])
def test_first_epochs_are_without_recurrence(tmp_path, warmup):
    seen, head = train(tmp_path, warmup, max_epochs=3)
    assert seen == [False] * 2 * warmup + [True] * 2 * (3 - warmup)
    # What is trained is tested whole, however long the warm-up was.
    assert head.recurrent


@pytest.mark.parametrize('stopped', [1, 2])
def test_resumed_run_goes_on_the_same(tmp_path, stopped):
    train(tmp_path, 2, max_epochs=stopped)
    seen, _ = train(tmp_path, 2, max_epochs=4, resume=True)
    assert seen == ([False] * 4 + [True] * 4)[2 * stopped :]


def test_model_in_a_wrapper(tmp_path, monkeypatch):
    hook = 'kpt_plugins.engine.hooks.run_parts.is_model_wrapper'
    monkeypatch.setattr(hook, lambda model: isinstance(model, Wrapped))
    model = Wrapped()
    train(tmp_path, 1, max_epochs=2, model=model)
    assert model.module.seen == [False, False, True, True]


def test_nothing_to_warm_up(tmp_path):
    model = Model(proposal=False)
    with pytest.raises(ValueError, match='model.head.proposal is None'):
        train(tmp_path, 1, max_epochs=2, model=model)
    assert model.seen == []
