"""The backbone of another model, with its weights, in a detector."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmpose.registry import MODELS

from kpt_plugins.annotation_formats import KeypointCategory
from kpt_plugins.apis.detector_backbone import backbone_of, resnet
from kpt_plugins.apis.detector_config import DetectorOptions, LabelledFiles, detector_config
from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.run_config import load_config

CATEGORY = KeypointCategory('cat', ['nose', 'left eye', 'right eye'], [(0, 1), (0, 2)])
FILES = [LabelledFiles('a.json', 'photos', 800)]
HRNET = {
    f'stage{n}': dict(
        num_modules=1,
        num_branches=n,
        block='BOTTLENECK' if n == 1 else 'BASIC',
        num_blocks=(1,) * n,
        num_channels=(64,) if n == 1 else tuple(8 * 2**i for i in range(n)),
    )
    for n in range(1, 5)
}
RESNET = dict(type='ResNet', depth=18, stem_channels=8, base_channels=8)


def few_shot_config():
    return load_config(Path(__file__).parents[1] / 'tiny_fmmp.py')


def save(folder, cfg, state):
    path = folder / 'few_shot.pth'
    torch.save(dict(state_dict=state, meta=dict(cfg=cfg.pretty_text)), path)
    return path


@pytest.mark.parametrize('depth', [18, 50])
def test_resnet_is_what_it_says(depth):
    known = resnet(depth)
    maps = MODELS.build(known.config)(torch.zeros(2, 3, 64, 64))
    assert tuple(each.shape[1] for each in maps) == known.channels
    assert tuple(64 // each.shape[-1] for each in maps) == known.strides


@pytest.mark.parametrize('method', ['heatmap', 'coke'])
@pytest.mark.parametrize(('levels', 'strides'), [((1, 2, 3), (8, 16, 32)), ((0, 1, 2), (4, 8, 16))])
def test_a_detector_begins_with_the_weights(tmp_path, method, levels, strides):
    cfg = few_shot_config()
    if levels == (0, 1, 2):  # a stage less: its coarsest map is finer
        short = dict(num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1), out_indices=levels)
        cfg.model.backbone.update(short)
        cfg.model.neck.in_channels = [8, 16, 32]
    path = save(tmp_path, cfg, build_model(cfg).state_dict())
    found = backbone_of(path)
    assert found.strides == strides and found.config['base_channels'] == 8

    options = DetectorOptions(method, input_size=(64, 96), backbone=found)
    cfg = detector_config(CATEGORY, FILES, options)
    (tmp_path / 'cfg.py').write_text(cfg.pretty_text)
    cfg = Config.fromfile(tmp_path / 'cfg.py')
    model = build_model(cfg)
    model.init_weights()
    trained = torch.load(path, weights_only=True)['state_dict']
    own = model.backbone.state_dict()
    assert own and all(torch.equal(trained['backbone.' + k], v) for k, v in own.items())

    cell = 4 if method == 'heatmap' else strides[0]
    model.eval()
    with torch.no_grad():
        maps = model(torch.zeros(1, 3, 96, 64), None, mode='tensor')
    if method == 'heatmap':
        assert maps.shape == (1, 3, 96 // cell, 64 // cell)
        assert cfg.codec.heatmap_size == (64 // cell, 96 // cell)
    else:
        assert cfg.codec.stride == cell


def test_images_are_normalised_as_the_model_is_used_to(tmp_path):
    cfg = few_shot_config()
    own = dict(mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0], bgr_to_rgb=False)
    cfg.model.data_preprocessor = dict(type='EpisodeDataPreprocessor', **own)
    path = save(tmp_path, cfg, build_model(cfg).state_dict())
    for method in ('heatmap', 'coke'):
        options = DetectorOptions(method, backbone=backbone_of(path))
        found = detector_config(CATEGORY, FILES, options).model.data_preprocessor
        assert {key: found[key] for key in own} == own


def test_a_model_without_a_backbone(tmp_path):
    cfg = Config(dict(model=dict(type='HeatmapHead', in_channels=3)))
    with pytest.raises(ValueError, match=r'few_shot\.pth: the model in it has no backbone'):
        backbone_of(save(tmp_path, cfg, {'head.weight': torch.zeros(1)}))
    cfg = Config(dict(model=dict(type='X', backbone=RESNET)))
    with pytest.raises(ValueError, match='has no backbone to begin with'):
        backbone_of(save(tmp_path, cfg, {'head.weight': torch.zeros(1)}))


def detector_checkpoint(folder, options):
    """As kpt train-detector leaves it, with its metainfo in the config."""
    cfg = detector_config(CATEGORY, FILES, options)
    cfg.model.backbone.update(stem_channels=8, base_channels=8)
    cfg.model.head.in_channels = 64
    return save(folder, cfg, MODELS.build(cfg.model.backbone).state_dict(prefix='backbone.'))


def test_of_a_detector_of_ours(tmp_path):
    path = detector_checkpoint(tmp_path, DetectorOptions())
    found = backbone_of(path)
    # heatmaps take the last map alone, CoKe's features those before it too
    assert found.config['out_indices'] == (1, 2, 3) and found.strides == (8, 16, 32)
    cfg = detector_config(CATEGORY, FILES, DetectorOptions('coke', backbone=found))
    build_model(cfg).init_weights()


def test_one_map_is_too_few_for_coke(tmp_path):
    backbone = dict(type='HRNet', extra=HRNET)
    cfg = Config(dict(model=dict(type='X', backbone=backbone)))
    found = backbone_of(save(tmp_path, cfg, {'backbone.conv1.weight': torch.zeros(1)}))
    assert found.strides == (4,)
    assert detector_config(CATEGORY, FILES, DetectorOptions(backbone=found)).codec.sigma == 2
    with pytest.raises(ValueError, match='coke needs two maps .* HRNet gives one'):
        DetectorOptions('coke', backbone=found)


@pytest.mark.parametrize('wrong', [dict(type='mmpretrain.Gone'), dict(foo=1)])
def test_backbones_that_cannot_be_built(tmp_path, wrong):
    cfg = Config(dict(model=dict(type='X', backbone=dict(RESNET, **wrong))))
    path = save(tmp_path, cfg, {'backbone.conv1.weight': torch.zeros(1)})
    with pytest.raises(ValueError, match=r'few_shot\.pth: its backbone \S+ cannot be built: '):
        backbone_of(path)


def test_a_checkpoint_without_a_config(tmp_path):
    torch.save(dict(state_dict={}), tmp_path / 'bare.pth')
    with pytest.raises(ValueError, match=r'bare\.pth: the checkpoint has no config .*; its backb'):
        backbone_of(tmp_path / 'bare.pth')


def test_maps_that_do_not_double(tmp_path):
    cfg = Config(dict(model=dict(backbone=dict(RESNET, out_indices=(1, 3)))))
    with pytest.raises(ValueError, match=r'gives maps of strides \[8, 32\]; expected each twice'):
        backbone_of(save(tmp_path, cfg, {'backbone.conv1.weight': torch.zeros(1)}))


def test_missing_file():
    with pytest.raises(FileNotFoundError, match=r'gone\.pth does not exist'):
        backbone_of('gone.pth')
