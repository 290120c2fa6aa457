"""What an export refuses, and what it leaves on the disk."""

import json

import pytest

from kpt_plugins.export import export_model, onnx_graph
from tests import tiny_exports as tiny


@pytest.fixture
def quick(monkeypatch):
    """Graphs are named, not exported, which is what takes the time."""
    monkeypatch.setattr('kpt_plugins.export.exporter.require_packages', lambda: None)
    monkeypatch.setattr(
        'kpt_plugins.export.exporter.write_graph', lambda graph, path: path.write_text('graph')
    )


def build(model=tiny.HEATMAP):
    cfg = tiny.detector_config(model)
    return tiny.build_model(cfg), cfg


def test_files(quick, tmp_path):
    written = export_model(*build(), tmp_path / 'new' / 'folder')
    assert [path.name for path in written] == ['detector.onnx', 'export.json']
    assert sorted(tmp_path.glob('new/folder/*')) == sorted(written)
    description = json.loads(written[-1].read_text())
    assert description['format'] == 1 and description['graphs'] == ['detector.onnx']
    assert description['input_size'] == [64, 48] and description['color_order'] == 'rgb'
    assert description['mean'] == pytest.approx([123.675, 116.28, 103.53])
    assert 'quarter of a cell' in description['decoding']


def test_an_export_is_not_overwritten(quick, tmp_path):
    (tmp_path / 'detector.onnx').write_text('mine')
    (tmp_path / 'notes.txt').write_text('mine')
    with pytest.raises(FileExistsError, match='detector.onnx already'):
        export_model(*build(), tmp_path)
    assert (tmp_path / 'detector.onnx').read_text() == 'mine'
    export_model(*build(), tmp_path, force=True)
    assert (tmp_path / 'detector.onnx').read_text() == 'graph'
    assert (tmp_path / 'notes.txt').read_text() == 'mine'


def test_failure_leaves_an_earlier_export(quick, tmp_path, monkeypatch):
    export_model(*build(), tmp_path)

    def fail(graph, path):
        raise ValueError('no')

    monkeypatch.setattr('kpt_plugins.export.exporter.write_graph', fail)
    with pytest.raises(ValueError, match='no'):
        export_model(*build(), tmp_path, force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['detector.onnx', 'export.json']


def test_folder_that_cannot_be(quick, tmp_path):
    file = tmp_path / 'file'
    file.write_text('')
    with pytest.raises(FileExistsError, match='is a file'):
        export_model(*build(), file)
    with pytest.raises(ValueError, match='no file can be written there'):
        export_model(*build(), file / 'below')


def test_missing_packages(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_graph, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match=r"onnx and onnxscript.*'kpt_plugins\[export\]'"):
        export_model(*build(), tmp_path)


def test_old_torch(monkeypatch):
    pytest.importorskip('onnxscript')
    monkeypatch.setattr(onnx_graph.torch, '__version__', '2.4.1')
    with pytest.raises(ImportError, match='PyTorch 2.8 or newer, found 2.4.1'):
        onnx_graph.require_packages()


@pytest.mark.parametrize('dataset', ['Unknown', 'Pascal3DDataset'])
def test_flip_test_needs_left_and_right(quick, tmp_path, dataset):
    model, cfg = build()
    cfg.test_dataloader.dataset.pop('metainfo')
    cfg.test_dataloader.dataset.type = dataset
    with pytest.raises(ValueError, match='--no-flip-test'):
        export_model(model, cfg, tmp_path)
    written = export_model(model, cfg, tmp_path, flip_test=False)
    description = json.loads(written[-1].read_text())
    assert not description['flip_test'] and description['keypoint_names'] is None


def test_names_come_from_the_checkpoint_first(quick, tmp_path):
    info = dict(keypoint_id2name=dict(enumerate('abcd')), flip_indices=[1, 0, 3, 2])
    *_, path = export_model(*build(), tmp_path, meta=dict(dataset_meta=info))
    description = json.loads(path.read_text())
    assert description['keypoint_names'] == list('abcd')
    assert description['flip_indices'] == [1, 0, 3, 2] and description['skeleton'] is None


def test_other_number_of_names(quick, tmp_path):
    info = dict(keypoint_id2name=dict(enumerate('abc')))
    with pytest.raises(ValueError, match='names 3 keypoints, but the model finds 4'):
        export_model(*build(), tmp_path, meta=dict(dataset_meta=info))


def test_not_top_down(quick, tmp_path):
    model, cfg = build()
    cfg.test_dataloader.dataset.pipeline = [dict(type='LoadImage')]
    with pytest.raises(ValueError, match='no TopdownAffine'):
        export_model(model, cfg, tmp_path)


def test_other_heads(quick, tmp_path):
    head = dict(
        type='RegressionHead',
        in_channels=16,
        num_joints=4,
        decoder=dict(type='RegressionLabel', input_size=tiny.SIZE),
    )
    with pytest.raises(ValueError, match='RegressionHead has no export'):
        export_model(*build(dict(tiny.HEATMAP, head=head)), tmp_path)


def test_diffusion_backbone(quick, tmp_path):
    model, cfg = build(tiny.PROMPTS)
    model.backbone.__class__ = type('DiffusersUNetBackbone', (type(model.backbone),), {})
    with pytest.raises(ValueError, match='DiffusersUNetBackbone has no export'):
        export_model(model, cfg, tmp_path)


def test_selected_keypoints(quick, tmp_path):
    model, cfg = build()
    model.test_cfg = dict(output_keypoint_indices=[0, 1])
    with pytest.raises(ValueError, match='output_keypoint_indices'):
        export_model(model, cfg, tmp_path)


def test_few_shot(quick, tmp_path):
    cfg = tiny.episode_config()
    model = tiny.build_model(cfg)
    written = export_model(model, cfg, tmp_path)
    assert [path.name for path in written] == ['support.onnx', 'query.onnx', 'export.json']
    with pytest.raises(ValueError, match='flip_test is for detectors'):
        export_model(model, cfg, tmp_path, flip_test=True, force=True)
    cfg.test_dataloader.dataset.pipeline[0].mode = 'mixup'
    with pytest.raises(ValueError, match="mode='mixup'"):
        export_model(model, cfg, tmp_path, force=True)
    cfg.test_dataloader.dataset.pipeline.pop(0)
    with pytest.raises(ValueError, match='no KeypointPadding'):
        export_model(model, cfg, tmp_path, force=True)
