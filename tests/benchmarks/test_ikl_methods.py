import json
import sys
from pathlib import Path

import pytest

from kpt_plugins.apis.incremental import plan_steps
from kpt_plugins.apis.run_config import load_config
from tests.evaluation.incremental_rows import write_run
from tests.tools.tool import load_tool

from .loading import load_benchmark

methods = load_benchmark('ikl_methods')


@pytest.fixture
def recorded(monkeypatch):
    """Commands instead of trainings."""
    commands = []

    def run(self, command, log, lock):
        if 'fail_seed0' in str(log):
            raise RuntimeError('broken')
        commands.append((log.parent.name, command))

    monkeypatch.setattr(methods.Processes, 'run', run)
    return commands


@pytest.mark.parametrize('name', methods.COMPARISONS)
def test_every_method_has_the_steps_and_the_budget_of_the_comparison(name, monkeypatch):
    monkeypatch.setenv('KPT_TRUNK', 'trunk.pth')
    comparison, tool = methods.COMPARISONS[name], load_tool('train_incremental')
    steps = load_config(methods.ROOT / comparison.base).model.steps
    iterations = set()
    for method, config in comparison.methods.items():
        command = methods.sequence_command(
            config, Path('runs', method), 3, Path('base'), comparison.options
        )
        args = tool.parse_args(command[2:])
        assert (args.seed, args.base, args.work_dir) == (3, 'base', f'runs/{method}')
        runs = plan_steps(args.configs, args.work_dir, args.cfg_options)
        assert load_config(runs[0].config).train_dataloader.dataset.steps == steps
        for run in runs[1:]:
            cfg = load_config(run.config, run.cfg_options())
            assert cfg.model.steps == steps
            epochs = cfg.train_cfg.max_epochs
            decay = cfg.param_scheduler[1]
            assert decay.end == decay.T_max == epochs
            iterations.add((epochs, cfg.optim_wrapper.optimizer.lr))
    assert len(iterations) == 1


def test_the_base_step_starts_from_the_trunk(monkeypatch):
    monkeypatch.setenv('KPT_TRUNK', 'trunk.pth')
    command = methods.sequence_command(methods.COMPARISONS['cattle'].base, Path('base'), 1, None)
    args = load_tool('train_incremental').parse_args(command[2:])
    assert args.last_step == 0 and args.base is None
    base = plan_steps(args.configs, 'base')[0]
    assert load_config(base.config).model.backbone.init_cfg.checkpoint == 'trunk.pth'


def test_base_steps_come_first_and_failures_are_told(recorded, tmp_path):
    comparison = methods.Comparison('base.py', '', dict(good='good.py', fail='fail.py'))
    wanted = [('good', 0), ('fail', 0), ('good', 1)]
    problems = methods.execute_all(comparison, wanted, tmp_path, 1, ['x=1'])
    assert [name for name, _ in recorded] == [
        'base_seed0',
        'base_seed1',
        'good_seed0',
        'good_seed1',
    ]
    assert recorded[0][1][-2:] == ['--last-step', '0']
    assert recorded[2][1][-4:] == ['--base', f'{tmp_path}/base_seed0/step0', '--cfg-options', 'x=1']
    assert problems == ['fail_seed0: broken']


def test_only_finished_runs_are_in_the_table(recorded, tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr(methods.subprocess, 'run', lambda command, **_: called.append(command))
    monkeypatch.setattr(methods, 'describe', lambda *_: None)
    for name, steps in (('kamp_seed0', 4), ('lwf_seed0', 3)):
        for step in range(steps):
            folder = tmp_path / name / f'step{step}'
            folder.mkdir(parents=True)
            (folder / 'row.json').write_text(json.dumps({}))
    methods.main(['synth', '--table-only', '--work-dir', str(tmp_path), '--out', 'table'])
    assert not recorded
    assert called == [
        [
            sys.executable,
            str(methods.ROOT / 'tools' / 'summarize_incremental.py'),
            str(tmp_path / 'kamp_seed0'),
            '--out',
            'table',
        ]
    ]


def test_earlier_results_stay_in_the_table(tmp_path):
    """Runs of a summary whose folders are gone, and those that were made since."""
    names = methods.load_config(methods.ROOT / 'configs' / 'ikl_synth.py').model.steps
    seen = [sum(names[: step + 1], []) for step in range(4)]
    out, work_dir = tmp_path / 'table', tmp_path / 'runs'
    arguments = ['synth', '--table-only', '--work-dir', str(work_dir), '--out', str(out)]

    def write(name, value):
        write_run(work_dir / name, [dict.fromkeys(step, value) for step in seen])

    write('kamp_seed0', 50.0)
    write('lwf_seed0', 40.0)
    methods.main(arguments)
    earlier = out.with_suffix('.json').rename(tmp_path / 'earlier.json')
    (work_dir / 'lwf_seed0').rename(tmp_path / 'gone')
    write('kamp_seed1', 70.0)
    methods.main([*arguments, '--earlier', str(earlier)])
    found = json.loads(out.with_suffix('.json').read_text())['methods']
    assert {name: method['seeds'] for name, method in found.items()} == dict(kamp=[0, 1], lwf=[0])


def test_methods_other_than_the_main_ones_get_one_seed(recorded, tmp_path, monkeypatch):
    monkeypatch.setattr(methods.subprocess, 'run', lambda command, **_: None)
    monkeypatch.setattr(methods, 'describe', lambda *_: None)
    arguments = ['synth', '--methods', 'kamp', 'pseudo', '--seeds', '4', '5']
    methods.main([*arguments, '--work-dir', str(tmp_path)])
    assert {name for name, _ in recorded} == {
        *('base_seed4', 'base_seed5', 'kamp_seed4', 'kamp_seed5', 'pseudo_seed4')
    }


def test_unknown_method(capsys):
    with pytest.raises(SystemExit):
        methods.main(['synth', '--methods', 'mas'])
    assert 'choose from finetune, ewc, lwf' in capsys.readouterr().err


def test_differences_are_paired_by_seed():
    def runs(*values):
        keys = ('AAA', 'AT', 'old', 'new', 'all')
        return dict(runs=[dict(seed=s, scores=dict.fromkeys(keys, v)) for s, v in values])

    summary = dict(
        lwf=runs((0, 50.0), (1, 60.0)), kamp=runs((0, 51.0), (1, 63.0)), ewc=runs((1, 3))
    )
    lines = methods.paired(summary)
    assert [line.split(' | ')[:3] for line in lines[2:]] == [
        ['| lwf', '2', '+2.0 ± 1.4'],
        ['| ewc', '1', '+60.0'],
    ]
    assert methods.paired(dict(lwf=runs((0, 1.0)))) == []


def test_the_page_says_what_was_compared(tmp_path):
    out = tmp_path / 'ikl_synth'
    out.with_suffix('.md').write_text('the table\n')
    out.with_suffix('.json').write_text(json.dumps(dict(methods={})))
    methods.describe('synth', out)
    text = out.with_suffix('.md').read_text()
    assert text.startswith('# Incremental methods: synth\n') and 'the table\n' in text
    assert 'train_cfg.max_epochs=20' in text and 'configs/ikl_synth.py' in text
