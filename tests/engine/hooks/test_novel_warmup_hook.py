import pytest

from kpt_plugins.engine.hooks import NovelWarmupHook, SafeCheckpointHook

from .toy import ToyModel, toy_runner


class Model(ToyModel):
    """Notes the factor of the novel losses at every training iteration."""

    def __init__(self):
        super().__init__()
        self.novel_scale = 1.0
        self.seen = []

    def forward(self, inputs, data_samples=None, mode='tensor'):
        if mode == 'loss':
            self.seen.append(self.novel_scale)
        return super().forward(inputs, data_samples, mode)


class Wrapped(Model):
    """As wrappers for several processes: the model itself is ``module``."""

    def __init__(self):
        super().__init__()
        self.module = Model()

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)


def train(work_dir, max_epochs=5, model=None, resume=False, **kwargs):
    """Two iterations an epoch."""
    model = model or Model()
    checkpoint = dict(checkpoint=dict(type=SafeCheckpointHook, interval=1))
    runner = toy_runner(
        work_dir,
        model,
        max_epochs,
        hooks=[NovelWarmupHook(**kwargs)],
        default_hooks=checkpoint,
        resume=resume,
    )
    runner.train()
    return model, runner


def test_ramp(tmp_path):
    model, runner = train(tmp_path, begin=0.3, ramp=0.4)
    assert model.seen == pytest.approx([0, 0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1])
    logged = runner.message_hub.get_scalar('train/novel_scale').data[0]
    assert list(logged) == pytest.approx(model.seen)


@pytest.mark.parametrize(
    'options, expected',
    [
        (dict(begin=0, ramp=0), [1] * 10),
        (dict(begin=0.5, ramp=0), [0] * 5 + [1] * 5),
        (dict(begin=1, ramp=0), [0] * 10),
        (dict(), [0] * 4 + [1] * 6),
    ],
)
def test_shares(tmp_path, options, expected):
    assert train(tmp_path, **options)[0].seen == pytest.approx(expected)


def test_scale():
    hook = NovelWarmupHook(begin=0.3, ramp=0.1)
    assert [hook.scale(p) for p in (0, 0.2999, 0.35, 0.4, 1)] == pytest.approx([0, 0, 0.5, 1, 1])


def test_resumed_run_goes_on_the_same(tmp_path):
    whole = train(tmp_path / 'whole', begin=0.3, ramp=0.4)[0].seen
    checkpoint = tmp_path / 'whole' / 'epoch_3.pth'
    (tmp_path / 'part').mkdir()
    (tmp_path / 'part' / 'last_checkpoint').write_text(str(checkpoint))
    part = train(tmp_path / 'part', resume=True, begin=0.3, ramp=0.4)[0].seen
    assert part == whole[6:]


def test_model_in_a_wrapper(tmp_path, monkeypatch):
    hook = 'kpt_plugins.engine.hooks.run_parts.is_model_wrapper'
    monkeypatch.setattr(hook, lambda model: isinstance(model, Wrapped))
    model = Wrapped()
    train(tmp_path, model=model, begin=0.5, ramp=0)
    assert model.module.seen == [0] * 5 + [1] * 5


def test_other_model(tmp_path):
    with pytest.raises(ValueError, match='the model is a ToyModel'):
        train(tmp_path, model=ToyModel())


@pytest.mark.parametrize('options', [dict(begin=-0.1), dict(ramp=-1), dict(begin=0.8, ramp=0.3)])
def test_bad_shares(options):
    with pytest.raises(ValueError, match='together at most 1'):
        NovelWarmupHook(**options)
