import json
from pathlib import Path

import pytest
import torch

from kpt_plugins.apis.model_loading import build_model

from .loading import load_benchmark
from .test_coke_occlusion import parse
from .test_fmmp_ablation import flat

runs = load_benchmark('coke_runs')
driver = load_benchmark('coke_choices')
BUDGET = runs.Budget(epochs=3, trunk_epochs=2)


def make_choice(name='coke', root=Path('nowhere')):
    return driver.Choice('sheep', name, 0, BUDGET, root)


@pytest.fixture(scope='module')
def trained():
    return {name: parse(make_choice(name).steps()[0][1]) for name in ('coke', *runs.CHOICES)}


def test_choices_change_what_they_say_and_nothing_else(trained):
    full = flat(trained['coke'].to_dict())
    for name, variant in runs.CHOICES.items():
        entries = flat(trained[name].to_dict())
        keys = {k for k in full.keys() | entries.keys() if full.get(k) != entries.get(k)}
        changed = {k.rsplit('.', 1)[0] if k[-1].isdigit() else k for k in keys - {'work_dir'}}
        assert changed == set(variant.options), name


@pytest.mark.parametrize('name', runs.CHOICES)
def test_models_build_and_their_cells_fit_the_codec(name, trained):
    cfg = trained[name]
    cfg.model.backbone.pop('init_cfg')
    model = build_model(cfg)
    feats = model.extract_feat(torch.zeros(1, 3, 128, 128))
    encoder = cfg.train_dataloader.dataset.pipeline[7].encoder
    assert encoder == cfg.model.head.decoder
    assert feats[-1].shape[-1] == 128 // encoder.stride == (16 if name == 'stride8' else 32)


def test_tested_on_validation_images_beside_the_run_it_shares():
    choice = make_choice()
    same = runs.Run('sheep', 'coke', 0, BUDGET, Path('nowhere'))
    assert choice.steps()[0] == same.steps()[0] and choice.experiment() == same.experiment()
    assert choice.scores.parent != same.scores.parent and choice.folder == same.folder
    command = choice.steps()[1][1]
    assert parse(command).test_dataloader.dataset.ann_file == 'annotations/sheep_val.json'
    assert command[command.index('--levels') + 1 :][:2] == ['0', '2']


def test_page(monkeypatch, tmp_path):
    commands = []

    def run(self, command, log, lock):
        name, tool = log.parent.name, Path(command[1]).stem
        commands.append((name, tool))
        if tool == 'train':
            (log.parent / f'epoch_{2 if name.startswith("trunk") else 3}.pth').touch()
            return
        if 'large' in name:
            raise RuntimeError('broken')
        folder = log.parent / 'validation'
        folder.mkdir()
        (folder / 'roc.png').touch()
        scores = [dict(level=n, PCK_visible=80.0 - 9 * n) for n in (0, 2)]
        (folder / 'levels.json').write_text(json.dumps(dict(AUROC=0.8, levels=scores)))

    monkeypatch.setattr(load_benchmark('tool_processes').Processes, 'run', run)
    given = '--choices far large_bank --epochs 3 --trunk-epochs 2 --jobs 1'.split()
    given += ['--work-dir', str(tmp_path), '--out', str(tmp_path / 'table')]
    with pytest.raises(SystemExit, match='sheep_large_bank_seed0: broken'):
        driver.main(given)
    page = (tmp_path / 'table.md').read_text()
    assert '| clutter 3 cells or more away | 80.0 | 62.0 | 18.0 | 80.0 |' in page
    assert '- sheep_large_bank_seed0: trained, not tested' in page
    assert '- sheep_inside_seed0: not started' in page
    assert commands[0] == ('trunk_for_sheep', 'train') and len(commands) == 1 + 4 * 2
    commands.clear()
    driver.main([*given, '--choices', 'far'])
    assert not commands
