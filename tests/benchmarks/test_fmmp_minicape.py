import json
from pathlib import Path

import pytest

from tests.tools.tool import load_tool

from .loading import load_benchmark

minicape = load_benchmark('fmmp_minicape')
DATA, ROOT = Path('somewhere/minicape'), Path('nowhere')


def scores(value):
    """What tools/test.py writes, every score the same."""
    part = {**dict.fromkeys(minicape.COLUMNS, value), 'confidence_auroc@0.1': value}
    return {
        method: {**part, 'per_category': {'7': {**part, 'name': 'sheep'}}}
        for method in minicape.METHODS
    }


def test_second_stage_starts_from_the_last_weights_of_the_first():
    synth, real = minicape.stages(DATA, ROOT, seed=2)
    command = real.command('train.py', '--work-dir', real.folder(ROOT, 2), '--seed', 2)
    tool = load_tool('train')
    cfg = tool.configure(tool.parse_args(command[2:]))
    assert cfg.load_from == str(synth.folder(ROOT, 2) / 'epoch_9.pth')
    assert cfg.randomness.seed == 2
    halves = [half.dataset.data_root for half in cfg.train_dataloader.dataset.datasets]
    assert halves[0] == str(DATA) and halves[1].endswith('synth')
    assert cfg.test_dataloader.dataset.dataset.ann_file == 'annotations/minicape_test.json'


def test_report_has_mean_and_spread(tmp_path):
    for seed, value in ((0, 0.2), (1, 0.4)):
        for stage in minicape.stages(DATA, tmp_path, seed):
            folder = stage.folder(tmp_path, seed)
            folder.mkdir()
            (folder / 'console.log').write_text('a line\nBuild settings: many\n')
            for rotation in minicape.ROTATIONS:
                (folder / f'metrics_{rotation}.json').write_text(json.dumps(scores(value)))
    out = tmp_path / 'report'
    minicape.write_report(DATA, tmp_path, [0, 1], 2, out)
    text = out.with_suffix('.md').read_text()
    cells = ' | '.join(['30.0 ± 14.1'] * 5)
    assert f'| sheep | 40° | copy_baseline | {cells} |' in text
    assert f'| synthetic, 12 categories | 0° | model | {cells} |' in text
    assert out.with_suffix('.log').read_text() == 'a line\n'


def test_data_must_be_there(monkeypatch, tmp_path):
    monkeypatch.setenv('KPT_TEST_DATA', str(tmp_path))
    with pytest.raises(SystemExit, match='KPT_TEST_DATA'):
        minicape.main([])
