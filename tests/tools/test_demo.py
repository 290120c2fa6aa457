"""The demo's order, what it reuses, and that it never mixes two runs."""

import importlib.util
import json
import os
from pathlib import Path

import pytest

from kpt_plugins.apis import config_lookup
from kpt_plugins.apis.run_config import seed_training_episodes

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location('demo', ROOT / 'tools' / 'demo.py')
demo = importlib.util.module_from_spec(spec)
spec.loader.exec_module(demo)

KEYS = ('PCK@0.1', 'PCK@0.2', 'mPCK', 'AUC', 'NME')
SCORES = dict.fromkeys(KEYS, 0.5) | dict(
    EPE=None, num_pairs=4, num_empty_pairs=0, thresholds=[0.1, 0.2], per_category={}
)


def write_config(lr: float) -> None:
    lines = [
        'train_cfg = dict(by_epoch=True, max_epochs=2)',
        f'optim_wrapper = dict(lr={lr})',
        "train_dataloader = dict(dataset=dict(type='EpisodeDataset'))",
    ]
    Path('tiny.py').write_text('\n'.join(lines) + '\n')


class FakeTools:
    """Stands in for :func:`demo.run_tool`: notes the calls and writes the tools' results."""

    def __init__(self) -> None:
        self.calls = []
        self.dies_in_training = False

    def __call__(self, tool, *args):
        self.calls.append(tool)
        args = [str(arg) for arg in args]
        if tool == 'train.py':
            work_dir = Path(args[args.index('--work-dir') + 1])
            assert '--resume' in args
            work_dir.mkdir(parents=True, exist_ok=True)
            cfg = demo.Config.fromfile(args[0])
            # what tools/train.py adds before it writes the config down
            seed_training_episodes(cfg)
            assert cfg.train_dataloader.dataset.seed == 0
            cfg.work_dir = str(work_dir)
            cfg.dump(str(work_dir / Path(args[0]).name))
            (work_dir / 'epoch_1.pth').touch()
            if self.dies_in_training:
                raise SystemExit('killed')
            (work_dir / 'epoch_2.pth').touch()
            (work_dir / 'best_model_mPCK_epoch_1.pth').touch()
        elif tool == 'test.py':
            assert 'best_model_mPCK_epoch_1.pth' in args[1]
            out = Path(args[args.index('--out') + 1])
            out.write_text(json.dumps(dict(model=SCORES, copy_baseline=SCORES)))
        elif tool == 'analysis/draw_predictions.py':
            Path(args[args.index('--out') + 1]).touch()


@pytest.fixture
def tools(tmp_path, monkeypatch):
    tools = FakeTools()
    monkeypatch.setattr(demo, 'run_tool', tools)
    monkeypatch.chdir(tmp_path)
    write_config(0.1)
    return tools


def test_all_steps_in_order_then_reused(tools, capsys):
    demo.main(['--config', 'tiny.py'])
    assert tools.calls == [
        'make_synthetic.py',
        'train.py',
        'test.py',
        'analysis/draw_predictions.py',
    ]
    printed = capsys.readouterr().out
    for text in ('PCK@0.1', 'mPCK', 'copy_baseline', 'nan', 'work_dirs/tiny'):
        assert text in printed

    tools.calls.clear()
    demo.main(['--config', 'tiny.py'])
    assert tools.calls == ['make_synthetic.py']  # which itself writes only what is missing
    assert 'PCK@0.1' in capsys.readouterr().out


def test_training_that_died_goes_on(tools):
    tools.dies_in_training = True
    with pytest.raises(SystemExit):
        demo.main(['--config', 'tiny.py'])
    tools.dies_in_training = False
    tools.calls.clear()
    demo.main(['--config', 'tiny.py'])
    assert tools.calls[1] == 'train.py'
    assert not list(Path('work_dirs').glob('tiny.old*'))


def test_results_older_than_the_checkpoint_are_made_again(tools):
    demo.main(['--config', 'tiny.py'])
    for name in ('metrics.json', 'predictions.png'):
        os.utime(Path('work_dirs/tiny') / name, (1, 1))
    tools.calls.clear()
    demo.main(['--config', 'tiny.py'])
    assert tools.calls[1:] == ['test.py', 'analysis/draw_predictions.py']


def test_a_run_of_another_config_is_set_aside(tools):
    demo.main(['--config', 'tiny.py'])
    write_config(0.2)
    tools.calls.clear()
    demo.main(['--config', 'tiny.py'])
    assert 'train.py' in tools.calls
    assert demo.Config.fromfile('work_dirs/tiny.old1/tiny.py').optim_wrapper.lr == 0.1
    assert demo.Config.fromfile('work_dirs/tiny/tiny.py').optim_wrapper.lr == 0.2


@pytest.mark.parametrize('changed', ['tiny.py', 'base.py'])
def test_another_evaluation_keeps_the_training_and_repeats_the_test(tools, changed):
    Path('base.py').write_text('')
    text = Path('tiny.py').read_text()
    Path('tiny.py').write_text("_base_ = 'base.py'\n" + text)
    demo.main(['--config', 'tiny.py'])
    with Path(changed).open('a') as file:
        file.write('test_evaluator = dict(type="EpisodeKeypointMetric")\n')
    tools.calls.clear()
    demo.main(['--config', 'tiny.py'])
    assert tools.calls[1:] == ['test.py', 'analysis/draw_predictions.py']
    tools.calls.clear()
    demo.main(['--config', 'tiny.py'])
    assert tools.calls == ['make_synthetic.py']


def test_a_comment_in_the_config_repeats_nothing(tools):
    demo.main(['--config', 'tiny.py'])
    Path('tiny.py').write_text('# a comment\n' + Path('tiny.py').read_text())
    later = Path('work_dirs/tiny/metrics.json').stat().st_mtime + 5
    os.utime('tiny.py', (later, later))
    tools.calls.clear()
    demo.main(['--config', 'tiny.py'])
    assert tools.calls == ['make_synthetic.py']


def test_a_shipped_config_goes_by_its_name(tools, monkeypatch, tmp_path):
    (tmp_path / 'shipped').mkdir()
    Path('tiny.py').rename(tmp_path / 'shipped' / 'tiny.py')
    monkeypatch.setattr(config_lookup, 'config_folder', lambda: tmp_path / 'shipped')
    demo.main(['--config', 'tiny'])
    assert Path('work_dirs/tiny/metrics.json').is_file()
    with pytest.raises(FileNotFoundError, match="config 'tinny' does not exist; did you mean tiny"):
        demo.main(['--config', 'tinny'])


def test_data_root_follows_the_environment(monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', '/big/disk')
    assert demo.data_root() == Path('/big/disk/synth')
    monkeypatch.setenv('HOME', '/home/me')
    monkeypatch.setenv('KPT_DATA_ROOT', '~/data')
    assert demo.data_root() == Path('/home/me/data/synth')
    monkeypatch.setenv('KPT_DATA_ROOT', '')
    assert demo.data_root() == Path('data/synth')
    monkeypatch.delenv('KPT_DATA_ROOT', raising=False)
    assert demo.data_root() == Path('data/synth')


def test_a_failing_tool_ends_the_demo(tmp_path, monkeypatch, capfd):
    (tmp_path / 'tools').mkdir()
    (tmp_path / 'tools' / 'bad.py').write_text('import sys; print("reason"); sys.exit(3)')
    monkeypatch.setattr(demo, 'ROOT', tmp_path)
    with pytest.raises(SystemExit, match='bad.py failed .status 3.'):
        demo.run_tool('bad.py')
    assert 'reason' in capfd.readouterr().out
