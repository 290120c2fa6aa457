"""The latency benchmark on tiny models: it runs, compares like with like, and writes its table."""

import pytest

from tests import tiny_exports as tiny
from tests.benchmarks.loading import load_benchmark

pytest.importorskip('onnxscript')
pytest.importorskip('onnxruntime')


def run(tmp_path, cfg, *options):
    cfg.dump(tmp_path / 'config.py')
    out = tmp_path / 'table.md'
    load_benchmark('onnx_latency').main(
        ['--configs', str(tmp_path / 'config.py'), '--out', str(out), '--rounds', '1', *options]
    )
    lines = out.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith('---'))
    return [[cell.strip() for cell in line.split('|')] for line in lines[start + 1 :]]


def test_detector(tmp_path):
    rows = run(tmp_path, tiny.detector_config(tiny.COKE), '--batches', '1', '3')
    assert [row[1:3] for row in rows] == [['detector', '1'], ['detector', '3']]
    for row in rows:
        assert float(row[5]) > 0 and float(row[6]) < 1e-3


@pytest.mark.slow
def test_few_shot(tmp_path):
    head = dict(tiny.FEW_SHOT['head'], num_layers=0)
    cfg = tiny.episode_config(dict(tiny.FEW_SHOT, head=head))
    rows = run(tmp_path, cfg, '--batches', '1', '2')
    assert [row[1:3] for row in rows] == [['support', '1'], ['query', '1'], ['query', '2']]
    assert rows[0][6] == '' and all(float(row[6]) < 1e-3 for row in rows[1:])


def test_default_configs_are_shipped():
    from kpt_plugins.apis.config_lookup import find_config

    assert all(find_config(name) for name in load_benchmark('onnx_latency').CONFIGS)
