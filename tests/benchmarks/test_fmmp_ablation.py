import json
import os
from pathlib import Path

import pytest

from kpt_plugins.apis.model_loading import build_model
from tests.tools.tool import load_tool

from .loading import load_benchmark

ablation = load_benchmark('fmmp_ablation')
BUDGET = ablation.Budget(epochs=3, warmup_epochs=2, episodes=48, test_episodes=5)
PADDING = ('train_dataloader.dataset.pipeline.0.mode', 'test_dataloader.dataset.pipeline.0.mode')
REFERENCES = [f'{p}_dataloader.dataset.pipeline.1.structure' for p in ('train', 'test')]
CHANGES = dict(
    full={},
    zero=dict.fromkeys(PADDING, 'zero'),
    eqdiv={PADDING[0]: 'eqdiv'},
    self=dict.fromkeys(REFERENCES, 'self'),
    one_layer={'model.head.num_layers': 1},
    centre={'model.head.proposal': None, 'custom_hooks': None},
)


def make_run(variant='full', seed=0, root=Path('nowhere'), budget=BUDGET):
    return ablation.Run(variant, seed, budget, root)


def parse(command):
    """The config that a command line of ``tools/train.py`` or ``tools/test.py`` runs."""
    tool = load_tool(Path(command[1]).stem)
    return tool.configure(tool.parse_args(command[2:]))


def flat(node, prefix=''):
    """All leaves by dotted keys; hooks are one entry, for a list that differs in length."""
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, (list, tuple)) and prefix != 'custom_hooks.':
        items = enumerate(node)
    else:
        return {prefix[:-1]: node}
    return {k: v for key, value in items for k, v in flat(value, f'{prefix}{key}.').items()}


# training


@pytest.fixture(scope='module')
def configs():
    return {name: parse(make_run(name, seed=7).train_command()) for name in ablation.VARIANTS}


def test_variants_change_what_they_say_and_nothing_else(configs):
    assert CHANGES.keys() == ablation.VARIANTS.keys()
    full = flat(configs['full'].to_dict())
    assert full[PADDING[0]] == 'mixup' and full[PADDING[1]] == 'eqdiv'
    assert full['model.head.num_layers'] == 3
    for name, cfg in configs.items():
        entries = flat(cfg.to_dict())
        keys = {k for k in full.keys() | entries.keys() if full.get(k) != entries.get(k)}
        keys -= {'work_dir', 'model.head.proposal.temperature'}
        # None in one and absent in the other is a difference too.
        keys |= {k for k in CHANGES[name] if k in entries and k not in full}
        assert keys == CHANGES[name].keys(), name
        for key, value in CHANGES[name].items():
            assert key == 'custom_hooks' or entries[key] == value


def test_centre_start_has_no_warmup(configs):
    hooks = {name: [h['type'] for h in cfg.custom_hooks] for name, cfg in configs.items()}
    assert hooks['full'] == [*hooks['centre'], 'ProposalWarmupHook']


@pytest.mark.parametrize('name', ablation.VARIANTS)
def test_same_budget_and_seed(name, configs):
    cfg = configs[name]
    assert cfg.train_cfg.max_epochs == 3
    assert cfg.param_scheduler[1].end == cfg.param_scheduler[1].T_max == 3
    assert cfg.train_dataloader.dataset.num_episodes == 48
    assert cfg.randomness.seed == cfg.train_dataloader.dataset.seed == 7
    assert 'seed' not in cfg.test_dataloader.dataset
    assert cfg.val_dataloader is None
    if name != 'centre':
        assert cfg.custom_hooks[4] == dict(type='ProposalWarmupHook', num_epochs=2)


@pytest.mark.parametrize('name', ablation.VARIANTS)
def test_models_build(name, configs):
    head = build_model(configs[name]).head
    assert len(head.query_miners) == (1 if name == 'one_layer' else 3)
    assert (head.proposal is None) == (name == 'centre')


# test


@pytest.mark.parametrize('name', ablation.VARIANTS)
def test_tests_differ_in_the_rotation_alone(name):
    cfgs = [parse(make_run(name, 7).test_command(degrees)) for degrees in (0, 40)]
    datasets = [cfg.test_dataloader.dataset for cfg in cfgs]
    assert [dataset.pop('query_rotation') for dataset in datasets] == [0, 40]
    assert cfgs[0].to_dict() == cfgs[1].to_dict()
    assert datasets[0].num_episodes == 5 and 'seed' not in datasets[0]
    assert datasets[0].pipeline[0].mode == ('zero' if name == 'zero' else 'eqdiv')
    assert cfgs[0].model == parse(make_run(name).train_command()).model


def test_the_last_checkpoint_is_tested():
    command = make_run().test_command(40)
    assert command[3] == os.path.join('nowhere', 'full_seed0', 'epoch_3.pth')
    assert command[command.index('--out') + 1].endswith('metrics_rotation40.json')


# runs

COPY = dict(mPCK=0.3, num_pairs=4.0, **{'PCK@0.1': 0.3})


def scores(mpck):
    part = dict(thresholds=[0.1], per_category={'3': dict(name='cat', mPCK=mpck, AUC=0.1)})
    model = {'mPCK': mpck, 'PCK@0.1': mpck}
    return dict(model={**model, **part}, copy_baseline={**COPY, **part})


class FakeProcesses:
    """Stands in for the processes: notes the calls and writes the tools' results."""

    calls = []
    failing = None

    def run(self, command, log, lock):
        tool, folder = Path(command[1]).name, log.parent
        self.calls.append((tool, folder.name))
        if self.failing == (tool, folder.name):
            raise RuntimeError(f'{tool} failed')
        if tool == 'train.py':
            (folder / 'epoch_3.pth').touch()
        else:
            same = scores(0.5)
            Path(command[command.index('--out') + 1]).write_text(json.dumps(same))

    def stop(self):
        pass


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Starts the benchmark for two variants and two seeds, with tools that take no time."""
    monkeypatch.setattr('tool_processes.Processes', FakeProcesses)
    monkeypatch.setattr(ablation.subprocess, 'run', lambda *args, **kwargs: None)
    monkeypatch.setattr('comparison.exit_on_sigterm', lambda: None)
    monkeypatch.setattr(FakeProcesses, 'calls', [])
    arguments = ['--variants', 'full', 'zero', '--seeds', '0', '1', '--jobs', '1']
    arguments += ['--epochs', '3', '--warmup-epochs', '2', '--episodes', '48']
    arguments += ['--test-episodes', '5', '--work-dir', str(tmp_path / 'work')]
    arguments += ['--out', str(tmp_path / 'results' / 'table')]
    return lambda *more: ablation.main([*arguments, *more])


def test_all_runs_then_nothing_again(start, tmp_path):
    start()
    calls = FakeProcesses.calls
    assert calls[:3] == [('train.py', 'full_seed0'), *[('test.py', 'full_seed0')] * 2]
    # Both variants with the first seed before the second seed.
    assert [name for tool, name in calls if tool == 'train.py'] == [
        'full_seed0',
        'zero_seed0',
        'full_seed1',
        'zero_seed1',
    ]
    page = (tmp_path / 'results' / 'table.md').read_text()
    # Of six variants with three seeds.
    assert 'Missing, 14 runs' in page and '- zero_seed2: not started' in page
    evidence = json.loads((tmp_path / 'results' / 'table.json').read_text())
    assert [(run['variant'], run['seed']) for run in evidence['runs']] == [
        ('full', 0),
        ('full', 1),
        ('zero', 0),
        ('zero', 1),
    ]
    assert evidence['runs'][0]['scores']['40']['model']['per_category'] == dict(cat=0.5)
    assert evidence['base']['train_cfg']['max_epochs'] == 3
    assert 'data_root' not in json.dumps(evidence)
    calls.clear()
    start()
    assert calls == []


def test_a_broken_run_goes_on_and_stops_no_other(start, tmp_path, monkeypatch):
    monkeypatch.setattr(FakeProcesses, 'failing', ('test.py', 'full_seed0'))
    with pytest.raises(SystemExit, match='full_seed0: test.py failed'):
        start()
    page = (tmp_path / 'results' / 'table.md').read_text()
    assert '- full_seed0: trained, not tested' in page and 'zero_seed1' not in page
    monkeypatch.setattr(FakeProcesses, 'failing', None)
    FakeProcesses.calls.clear()
    start()
    assert FakeProcesses.calls == [('test.py', 'full_seed0')] * 2


def test_table_only_starts_nothing(start, tmp_path):
    start('--seeds', '0')
    (tmp_path / 'results' / 'table.md').unlink()
    FakeProcesses.calls.clear()
    start('--table-only')
    assert FakeProcesses.calls == []
    assert '- full_seed1: not started' in (tmp_path / 'results' / 'table.md').read_text()


def test_nothing_finished(start, tmp_path):
    with pytest.raises(SystemExit, match='no finished run in .*work'):
        start('--table-only')
    assert not (tmp_path / 'results').exists()


def test_runs_of_another_budget_are_refused(start, tmp_path):
    start('--seeds', '0')
    FakeProcesses.calls.clear()
    with pytest.raises(SystemExit, match='full_seed0 holds a run with another budget, base, tr'):
        start('--episodes', '64', '--seeds', '0')
    assert FakeProcesses.calls == []
    # Nor do they get into one table, however they came to lie side by side.
    with pytest.raises(SystemExit, match='full_seed1, zero_seed1 had another budget or config'):
        start('--episodes', '64', '--seeds', '1')


def test_warmup_leaves_epochs_for_the_recurrence(start, capsys):
    with pytest.raises(SystemExit):
        start('--warmup-epochs', '3')
    assert 'no epoch would train the recurrence' in capsys.readouterr().err


def test_state(tmp_path):
    run = make_run(root=tmp_path)
    assert run.state() == 'not started'
    run.folder.mkdir()
    assert run.state() == 'without a complete epoch'
    for name in ('epoch_1.pth', 'epoch_2.pth'):
        (run.folder / name).touch()
    assert run.state() == 'trained for 2 epochs'
    run.checkpoint.touch()
    run.metrics(0).touch()
    assert run.state() == 'trained, not tested'
    run.metrics(40).touch()
    assert run.state() == 'finished'
