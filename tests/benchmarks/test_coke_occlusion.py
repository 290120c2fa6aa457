import json
from pathlib import Path

import pytest
import torch

from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.run_config import load_config
from tests.tools.tool import load_tool

from .loading import load_benchmark
from .test_fmmp_ablation import flat

runs = load_benchmark('coke_runs')
driver = load_benchmark('coke_occlusion')
BUDGET = runs.Budget(epochs=3, synth_images=40, lr=2e-4, trunk_epochs=2)
VARIANTS = [*runs.MODELS, *runs.ABLATIONS]


def make_run(variant='coke', data='cattle', seed=0, root=Path('nowhere'), budget=BUDGET):
    return runs.Run(data, variant, seed, budget, root)


def parse(command):
    """The config that a command line of a tool runs."""
    name = Path(command[1]).stem
    tool = load_tool(name)
    args = tool.parse_args(command[2:])
    return tool.configure(args) if name == 'train' else load_config(args.config, args.cfg_options)


@pytest.fixture(scope='module')
def trained():
    return {name: parse(make_run(name, seed=7).steps()[0][1]) for name in VARIANTS}


def test_ablations_change_what_they_say_and_nothing_else(trained):
    full = flat(trained['coke'].to_dict())
    for name, variant in runs.ABLATIONS.items():
        entries = flat(trained[name].to_dict())
        keys = {k for k in full.keys() | entries.keys() if full.get(k) != entries.get(k)}
        keys |= {k for k in variant.options if k not in full}
        keys = {k for k in keys if not k.startswith('model.head.clutter.')} - {'work_dir'}
        assert keys == set(variant.options), name
        for key, value in variant.options.items():
            assert entries[key] == value
    assert trained['no_spatial'].model.head.loss.spatial_weight == 0
    hooks = [hook.type for hook in trained['cma'].custom_hooks]
    assert 'BankResetHook' in hooks


@pytest.mark.parametrize('name', VARIANTS)
def test_same_start_budget_and_test_for_all(name, trained):
    cfg, first = trained[name], trained['coke']
    assert cfg.train_cfg.max_epochs == 3
    assert cfg.param_scheduler == first.param_scheduler
    assert cfg.param_scheduler[1].end == cfg.param_scheduler[1].T_max == 3
    assert cfg.optim_wrapper.optimizer == dict(type='AdamW', lr=2e-4, weight_decay=1e-4)
    assert cfg.randomness.seed == 7
    assert cfg.model.backbone.init_cfg == dict(
        type='Pretrained',
        checkpoint='nowhere/trunk_for_cattle/epoch_2.pth',
        prefix='backbone.',
    )
    file, command = make_run(name, seed=7).steps()[1]
    args = load_tool('occlusion_benchmark').parse_args(command[2:])
    assert args.levels == [0, 1, 2, 3] and args.seed == 0
    assert args.checkpoint == f'nowhere/cattle_{name}_seed7/epoch_3.pth'
    assert str(file.parent) == args.out
    tested = parse(command)
    tested.model.backbone.init_cfg = cfg.model.backbone.init_cfg  # which a test does without
    assert tested.model == cfg.model
    assert tested.test_dataloader == first.test_dataloader


@pytest.mark.parametrize('data', runs.DATA)
def test_data_sets(data):
    for name in runs.MODELS:
        cfg = parse(make_run(name, data).steps()[0][1])
        dataset = cfg.train_dataloader.dataset
        if data == 'synth':
            assert dataset.indices == 40 and cfg.test_dataloader.dataset.indices == -200
            continue
        assert dataset.ann_file == f'annotations/{data}_train.json' and 'indices' not in dataset


@pytest.mark.parametrize('data', runs.DATA)
def test_trunk_has_not_seen_its_data_set(data):
    trunk = make_run(data=data).trunk
    cfg = parse(trunk.steps()[0][1])
    files = {part.ann_file for part in cfg.train_dataloader.dataset.datasets}
    others = {'cattle', 'horse', 'sheep'} - {data}
    assert files == {f'annotations/{name}_train.json' for name in others}
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[1].T_max == 2
    assert trunk.checkpoint.name == 'epoch_2.pth'
    assert data not in cfg.test_dataloader.dataset.ann_file
    if data != 'cattle':
        return
    with torch.device('meta'):
        sizes = [
            {name: value.shape for name, value in build_model(part).backbone.state_dict().items()}
            for part in (cfg, *(load_config(make_run(name, data).config) for name in runs.MODELS))
        ]
    assert all(part == sizes[0] for part in sizes)


def test_drawn_images_are_those_of_the_config():
    text = (runs.ROOT / 'configs' / 'coke_synth.py').read_text().replace('\\\n#', ' ')
    line = next(line for line in text.split('\n') if 'make_synthetic' in line)
    parse_args = load_tool('make_synthetic').parse_args
    ours = parse_args(['--out', 'data/synth_quadruped', *map(str, driver.MAKE_SYNTH)])
    assert ours == parse_args(line.split()[3:])


# runs


@pytest.fixture
def recorded(monkeypatch):
    """Files instead of what the tools would do."""
    commands = []

    def run(self, command, log, lock):
        name = log.parent.name
        if name.startswith('horse_heatmap'):
            raise RuntimeError('broken')
        commands.append((name, Path(command[1]).stem))
        if Path(command[1]).stem == 'train':
            (log.parent / f'epoch_{2 if name.startswith("trunk") else 3}.pth').touch()
            return
        (log.parent / 'occlusion').mkdir()
        (log.parent / 'occlusion' / 'roc.png').touch()
        scores = [dict(level=n, PCK_visible=80.0 - n, AUROC=0.9 if n else None) for n in range(4)]
        content = json.dumps(dict(AUROC=0.8, levels=scores))
        (log.parent / 'occlusion' / 'levels.json').write_text(content)

    monkeypatch.setattr(driver.Processes, 'run', run)
    return commands


def arguments(root, *extra):
    budget = BUDGET.arguments().split()
    return ['--work-dir', str(root), '--out', str(root / 'table'), *budget, '--jobs', '1', *extra]


def test_trunks_come_first_and_failures_are_told(recorded, tmp_path, capsys):
    chosen = ('--data', 'cattle', 'horse', '--models', 'coke', 'heatmap', '--seeds', '0')
    with pytest.raises(SystemExit, match='horse_heatmap_seed0: broken'):
        driver.main(arguments(tmp_path, *chosen, '--ablations', 'cma'))
    names = [name for name, _ in recorded]
    assert names[:2] == ['trunk_for_cattle', 'trunk_for_horse']
    finished = ['cattle_coke', 'cattle_heatmap', 'horse_coke', 'cattle_cma']
    assert names[2:] == [f'{name}_seed0' for name in finished for _ in range(2)]
    content = json.loads((tmp_path / 'table.json').read_text())
    assert [(run['data'], run['variant']) for run in content['runs']] == [
        *(('cattle', 'coke'), ('cattle', 'heatmap'), ('horse', 'coke'), ('cattle', 'cma'))
    ]
    assert content['missing']['horse_heatmap_seed0'] == 'not trained to the end'
    assert content['missing']['sheep_coke_seed2'] == 'not started'
    assert len(content['runs']) + len(content['missing']) == 36 + 5
    # the command of the page gives the same budget
    args = driver.parse_args(content['command'].split()[2:])
    given = (args.epochs, args.synth_images, args.lr, args.trunk_epochs)
    assert runs.Budget(*given) == BUDGET

    # again: nothing that is there is done again
    recorded.clear()
    chosen = ('--data', 'cattle', '--models', 'coke', 'simplebaseline', '--seeds', '0')
    driver.main(arguments(tmp_path, *chosen, '--ablations'))
    assert recorded == [
        ('cattle_simplebaseline_seed0', 'train'),
        ('cattle_simplebaseline_seed0', 'occlusion_benchmark'),
    ]


def test_other_budget(recorded, tmp_path):
    chosen = ('--data', 'cattle', '--models', 'coke', '--seeds', '0', '--ablations')
    driver.main(arguments(tmp_path, *chosen))
    other = [*arguments(tmp_path, *chosen), '--epochs', '9']
    with pytest.raises(SystemExit, match='(?s)holds a run with another budget.*no finished run'):
        driver.main(other)
    run = make_run(root=tmp_path)
    assert run.state() == 'finished'
    longer = make_run(root=tmp_path, budget=runs.Budget(9, 40, 2e-4, 2))
    assert longer.state() == 'made with another budget or config'
    (run.folder / 'occlusion' / 'roc.png').unlink()
    assert run.state() == 'trained, not tested'


def test_table_only_runs_nothing(recorded, tmp_path):
    with pytest.raises(SystemExit, match='no finished run of this budget'):
        driver.main(arguments(tmp_path, '--table-only'))
    assert not recorded and not (tmp_path / 'table.md').exists()


def test_unknown_ablation(capsys):
    with pytest.raises(SystemExit):
        driver.parse_args(['--ablations', 'nothing'])
    assert 'choose from no_clutter' in capsys.readouterr().err
