import json
from pathlib import Path

import pytest
import torch

from kpt_plugins.apis.checkpoint import load_checkpoint_safely
from kpt_plugins.apis.run_config import load_config
from tests.apis.test_prompt_assignment import TINY
from tests.tools.tool import load_tool

from .loading import load_benchmark
from .test_fmmp_ablation import flat

runs = load_benchmark('weakshot_runs')
driver = load_benchmark('weakshot_ablation')
BUDGET = runs.Budget(epochs=3, pairs=40)


def make_run(row='full', data='synth', seed=0, root=Path('nowhere'), budget=BUDGET):
    return runs.Run(data, row, seed, budget, root)


def parse(command):
    """The config that a command line of a tool runs, started anew."""
    command = [part for part in command if 'base_seed' not in part or 'epoch_1.pth' not in part]
    name = Path(command[1]).relative_to(runs.ROOT / 'tools').with_suffix('')
    tool = load_tool(str(name))
    args = tool.parse_args(command[2:])
    return (
        tool.configure(args)
        if name == Path('train')
        else load_config(args.config, args.cfg_options)
    )


@pytest.fixture(scope='module')
def trained():
    return {row: parse(make_run(row, seed=7).steps()[0][1]) for row in runs.ROWS}


def test_rows_change_what_they_say_and_nothing_else(trained):
    full = flat(trained['full'].to_dict())
    for name, row in runs.ROWS.items():
        entries = flat(trained[name].to_dict())
        keys = {k for k in full.keys() | entries.keys() if full.get(k) != entries.get(k)}
        keys = {'.'.join(k.split('.')[:3]) for k in keys} - {'work_dir'}
        assert keys == {'.'.join(k.split('.')[:3]) for k in row.options}, name


@pytest.mark.parametrize(
    'row, novel',
    [
        ('base', set()),
        ('nu', {'equivariance', 'localization'}),
        ('nc', {'consistency'}),
        ('ng', {'guiding'}),
        ('full', {'equivariance', 'localization', 'consistency', 'guiding'}),
        ('oracle', set()),
    ],
)
def test_losses_of_rows(row, novel, trained):
    losses = {name for name, loss in trained[row].model.losses.items() if loss is not None}
    assert losses == {'prompt', 'keyness', 'correspondence'} | novel
    labels = trained[row].train_dataloader.dataset.get('novel_labels', False)
    assert labels is (row == 'oracle')


@pytest.mark.parametrize('row', runs.ROWS)
def test_same_budget_and_test_for_all(row, trained):
    cfg, first = trained[row], trained['base']
    assert cfg.train_cfg.max_epochs == 3 and cfg.param_scheduler == first.param_scheduler
    assert cfg.param_scheduler[1].end == cfg.param_scheduler[1].T_max == 3
    dataset = cfg.train_dataloader.dataset
    assert dataset.num_pairs == 40 and dataset.seed == 7 and cfg.randomness.seed == 7
    assert dataset.get('base_ratio', 0.5) == 0.5  # as many base pairs in every row
    (checkpoint, _), *tests = make_run(row, seed=7).steps()
    assert [file.name for file, _ in tests] == ['scores.json', 'probes.json']
    for file, command in tests:
        assert command[3] == str(checkpoint) == f'nowhere/synth_{row}_seed7/epoch_3.pth'
        assert command[command.index('--out') + 1] == str(file)
        tested = parse(command)
        tested.model.backbone.init_cfg = cfg.model.backbone.init_cfg  # only training needs it
        assert tested.model == cfg.model and tested.test_dataloader == first.test_dataloader


def test_all_start_from_the_backbone_of_the_trunk(trained):
    ((checkpoint, command),) = runs.Trunk(Path('nowhere')).steps()
    assert parse(command).train_dataloader.dataset.dataset.ann_file.endswith('synth_train.json')
    for cfg in trained.values():
        weights = cfg.model.backbone.init_cfg
        assert weights == dict(type='Pretrained', checkpoint=str(checkpoint), prefix='backbone.')
        assert cfg.model.backbone.norm_cfg.type == 'BN' and cfg.model.backbone.norm_eval


def test_data_sets(trained):
    files = {}
    for data in runs.DATA:
        dataset = load_config(make_run(data=data).config).train_dataloader.dataset
        novel = dataset.novel if isinstance(dataset.novel, list) else [dataset.novel]
        files[data] = (dataset.base.ann_file, *(part.ann_file for part in novel))
    folder = 'annotations/'
    assert files == dict(
        synth=(f'{folder}synth_train.json', f'{folder}synth_test.json'),
        minicape=tuple(f'{folder}minicape_{part}.json' for part in ('train', 'val', 'test')),
    )


# runs


@pytest.fixture
def recorded(monkeypatch):
    """Files instead of what the tools would do."""
    commands = []

    def run(self, command, log, lock):
        name, tool = log.parent.name, Path(command[1]).stem
        if name.startswith('minicape_full'):
            raise RuntimeError('broken')
        commands.append((name, tool))
        if tool == 'train':
            (log.parent / f'epoch_{9 if name == "trunk" else 3}.pth').touch()
        elif tool == 'test':
            scores = dict(mAP=0.3, mPCK=0.5, L2_px256=12.0)
            pose = {f'{kind}/{k}': v for kind in ('novel', 'base') for k, v in scores.items()}
            content = dict(novel=scores, base=scores, mean_pose=pose)
            (log.parent / 'scores.json').write_text(json.dumps(content))
        else:
            keys = ('noise_shift', 'keyness_shift', 'keyness_sse', 'transfer_PCK@0.2')
            means = {f'{kind}/{key}': 0.5 for kind in ('novel', 'base') for key in keys}
            (log.parent / 'probes.json').write_text(json.dumps(dict(means=means)))

    monkeypatch.setattr(driver.Processes, 'run', run)
    monkeypatch.setattr(driver, 'make_synth', lambda: None)
    return commands


def arguments(root, *extra):
    budget = BUDGET.arguments().split()
    return ['--work-dir', str(root), '--out', str(root / 'table'), *budget, '--jobs', '1', *extra]


def test_runs_are_done_once_and_failures_are_told(recorded, tmp_path):
    tools = ('train', 'test', 'probe_weakshot')
    with pytest.raises(SystemExit, match='minicape_full_seed0: broken'):
        driver.main(arguments(tmp_path, '--rows', 'base', 'full', '--seeds', '0'))
    names = ('synth_base_seed0', 'minicape_base_seed0', 'synth_full_seed0')
    all_tools = [(name, tool) for name in names for tool in tools]
    assert recorded == [('trunk', 'train'), *all_tools]
    content = json.loads((tmp_path / 'table.json').read_text())
    assert {f'{r["data"]}_{r["row"]}_seed{r["seed"]}' for r in content['runs']} == {*names}
    assert content['missing']['minicape_full_seed0'] == 'not trained to the end'
    assert content['missing']['synth_oracle_seed2'] == 'not started'
    assert len(content['runs']) + len(content['missing']) == 36
    # the command of the page gives the same budget
    args = driver.parse_args(content['command'].split()[2:])
    assert runs.Budget(args.epochs, args.pairs) == BUDGET

    recorded.clear()
    chosen = ('--data', 'synth', '--rows', 'base', 'ng', '--seeds', '0')
    driver.main(arguments(tmp_path, *chosen))
    assert recorded == [('synth_ng_seed0', tool) for tool in tools]


def test_rows_go_on_from_base_only(recorded, tmp_path):
    def resumed(run):
        command = run.steps()[0][1]
        return command[command.index('--resume') + 1]

    full = make_run(root=tmp_path)
    assert full.shared_epochs == 1 and full.start == make_run('base', root=tmp_path)
    assert resumed(full) == str(tmp_path / 'synth_base_seed0' / 'epoch_1.pth')
    for row in ('base', 'oracle'):
        alone = make_run(row, root=tmp_path)
        assert alone.start is None and resumed(alone) == '--cfg-options'
    short = make_run(root=tmp_path, budget=runs.Budget(1, 40))
    assert short.start is None and resumed(short) == '--cfg-options'
    # one that is there already goes on from its own
    full.folder.mkdir()
    torch.save({}, full.folder / 'epoch_2.pth')
    assert resumed(full) == '--cfg-options'
    # whoever asks for the row alone gets base only before it, and its failure
    driver.main(arguments(tmp_path, '--data', 'synth', '--rows', 'nc', '--seeds', '0'))
    assert [name for name, tool in recorded if tool == 'train'] == [
        'trunk',
        'synth_base_seed0',
        'synth_nc_seed0',
    ]


def test_the_shared_part_is_the_same_training(tiny_mp100, tmp_path, monkeypatch):
    """A row that goes on from base only ends with the weights of one trained from the start."""
    monkeypatch.setenv('KPT_DATA_ROOT', str(tiny_mp100.parent))
    train = load_tool('train')
    epochs = {'train_cfg.max_epochs': 2, 'param_scheduler.1.end': 2, 'param_scheduler.1.T_max': 2}

    def weights(name, options, *more):
        folder = tmp_path / name
        given = [f'{key}={value}' for key, value in {**epochs, **options}.items()]
        start = [str(TINY), '--work-dir', str(folder), '--seed', '3', '--no-validate', *more]
        train.main([*start, '--cfg-options', *given])
        return load_checkpoint_safely(folder / 'epoch_2.pth')['state_dict']

    base = weights('base', runs.ROWS['base'].options)
    alone = weights('alone', {})
    shared = weights('shared', {}, '--resume', str(tmp_path / 'base' / 'epoch_1.pth'))
    assert alone.keys() == shared.keys()
    assert all(torch.equal(alone[key], shared[key]) for key in alone)
    assert any(not torch.equal(alone[key], base[key]) for key in alone)


def test_state_and_other_budget(recorded, tmp_path):
    chosen = ('--data', 'synth', '--rows', 'base', '--seeds', '0')
    driver.main(arguments(tmp_path, *chosen))
    with pytest.raises(SystemExit, match='(?s)holds a run with another budget.*no finished run'):
        driver.main([*arguments(tmp_path, *chosen), '--epochs', '9'])
    run = make_run('base', root=tmp_path)
    assert run.state() == 'finished'
    longer = make_run('base', root=tmp_path, budget=runs.Budget(9, 40))
    assert longer.state() == 'made with another budget or config'
    for file, state in (
        (run.probes, 'tested, not probed'),
        (run.scores, 'trained, not tested'),
        (run.checkpoint, 'not trained to the end'),
    ):
        file.unlink()
        assert run.state() == state


def test_table_only_runs_nothing(recorded, tmp_path):
    with pytest.raises(SystemExit, match='no finished run of this budget'):
        driver.main(arguments(tmp_path, '--table-only'))
    assert not recorded and not (tmp_path / 'table.md').exists()
