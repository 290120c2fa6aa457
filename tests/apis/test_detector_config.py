"""The config of a detector, complete in itself."""

import re

import pytest
from mmengine.config import Config
from mmpose.registry import DATASETS, KEYPOINT_CODECS, MODELS, TRANSFORMS

from kpt_plugins.annotation_formats import KeypointCategory
from kpt_plugins.apis.detector_config import (
    DetectorOptions,
    LabelledFiles,
    detector_config,
    detector_metainfo,
    mirrors,
)
from kpt_plugins.apis.model_loading import build_model

CATEGORY = KeypointCategory('cat', ['nose', 'left eye', 'right eye'], [(0, 1), (0, 2)])
FILES = [LabelledFiles('a.json', 'photos', 800)]


@pytest.mark.parametrize('method', ['heatmap', 'coke'])
@pytest.mark.parametrize(('depth', 'channels'), [(18, 512), (50, 2048)])
def test_written_and_read_it_builds_a_model(tmp_path, method, depth, channels):
    options = DetectorOptions(method, depth, (64, 96), epochs=7)
    cfg = detector_config(CATEGORY, FILES, options)
    (tmp_path / 'cfg.py').write_text(cfg.pretty_text)
    cfg = Config.fromfile(tmp_path / 'cfg.py')
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[1].end == 7
    model = build_model(cfg)
    assert model.backbone.feat_dim == channels
    assert model.head.decoder.input_size == (64, 96)


def test_heatmaps_are_stock_mmpose():
    cfg = detector_config(CATEGORY, FILES, DetectorOptions())
    inference = Config(dict(model=cfg.model, test=cfg.test_dataloader)).pretty_text
    kinds = set(re.findall(r"type='(\w+)'", inference))

    registries = (MODELS, DATASETS, TRANSFORMS, KEYPOINT_CODECS)
    for kind in kinds - {'DefaultSampler'}:
        found = next(r.get(kind) for r in registries if r.get(kind))
        assert found is not None and not found.__module__.startswith('kpt_plugins'), kind
    assert cfg.custom_imports.allow_failed_imports
    head = cfg.model.head
    assert head.out_channels == 3 and cfg.codec.heatmap_size == (64, 64)
    assert head.deconv_out_channels == (256,) * 3 and cfg.model.backbone.out_indices == (3,)
    assert 'init_cfg' not in cfg.model.backbone


def test_coke_head():
    cfg = detector_config(CATEGORY, FILES, DetectorOptions('coke', pretrained=True))
    assert cfg.model.head.num_keypoints == 3
    assert cfg.model.neck.in_channels == [128, 256, 512]
    assert cfg.model.backbone.init_cfg.checkpoint == 'torchvision://resnet18'
    hooks = [hook.type for hook in cfg.custom_hooks]
    assert 'BankInitHook' in hooks
    assert cfg.train_dataloader.dataset.pipeline[-1].meta_keys


def test_without_mirroring():
    for method in ('heatmap', 'coke'):
        cfg = detector_config(CATEGORY, FILES, DetectorOptions(method, flip=False))
        assert not cfg.model.test_cfg.flip_test
        assert 'RandomFlip' not in [t.type for t in cfg.train_dataloader.dataset.pipeline]


def test_mirrored_where_sides_are_known():
    pairs = KeypointCategory('a', ['x', 'y'], flip_pairs=[(0, 1)])
    unpaired = KeypointCategory('a', ['nose', 'left eye'])
    unknown = KeypointCategory('a', ['keypoint_0', 'keypoint_1'])
    assert [mirrors(c) for c in (CATEGORY, pairs, unpaired, unknown)] == [True, True, True, False]
    for flip, mirrored in ((None, False), (True, True), (False, False)):
        for method in ('heatmap', 'coke'):
            cfg = detector_config(unknown, FILES, DetectorOptions(method, flip=flip))
            assert cfg.model.test_cfg.flip_test is mirrored
            kinds = [t.type for t in cfg.train_dataloader.dataset.pipeline]
            assert ('RandomFlip' in kinds) is mirrored


def test_keypoints_without_labels_weigh_nothing():
    cfg = detector_config(CATEGORY, FILES, DetectorOptions(), ['left eye'])
    assert cfg.train_dataloader.dataset.metainfo.joint_weights == [1, 0, 1]
    assert cfg.test_dataloader.dataset.metainfo.joint_weights == [1, 0, 1]


def test_few_images_are_repeated_to_50_iterations():
    options = DetectorOptions(batch_size=16)
    few = detector_config(CATEGORY, [LabelledFiles('a', 'b', 9)], options).train_dataloader.dataset
    assert few.type == 'RepeatDataset' and 50 * 16 <= few.times * 9 < 51 * 16
    many = LabelledFiles('a', 'b', 800)
    assert detector_config(CATEGORY, [many], options).train_dataloader.dataset.type == 'CocoDataset'


@pytest.mark.parametrize(('sizes', 'times'), [((1000, 10), (1, 100)), ((30, 200), (7, 1))])
def test_the_smaller_part_is_repeated(sizes, times):
    files = [LabelledFiles(name, name, size) for name, size in zip('ab', sizes, strict=True)]
    cfg = detector_config(CATEGORY, files, DetectorOptions(batch_size=4))
    parts = cfg.train_dataloader.dataset.datasets
    assert [part.get('times', 1) for part in parts] == list(times)
    assert cfg.test_dataloader.dataset.ann_file == 'a'


def test_metainfo():
    info = detector_metainfo(CATEGORY, flip=True)
    assert [k['swap'] for k in info['keypoint_info'].values()] == ['', 'right eye', 'left eye']
    assert info['skeleton_info'][1]['link'] == ('nose', 'right eye')
    stated = KeypointCategory('a', ['x', 'y', 'left z'], flip_pairs=[(0, 1)])
    swaps = [k['swap'] for k in detector_metainfo(stated, True)['keypoint_info'].values()]
    assert swaps == ['y', 'x', '']


def test_a_side_without_its_counterpart():
    category = KeypointCategory('cat', ['nose', 'left eye'])
    with pytest.raises(ValueError, match="category 'cat': left eye: no keypoint .* --no-flip"):
        detector_metainfo(category, flip=True)
    assert detector_metainfo(category, flip=False)['keypoint_info'][1]['swap'] == ''


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(method='magic'), "method 'magic': expected one of heatmap, coke"),
        (dict(depth=34), 'depth 34: expected one of 18, 50'),
        (dict(input_size=(250, 256)), 'input size 250 x 256: expected multiples of 32'),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(ValueError, match=message):
        DetectorOptions(**options)


def test_missing_checkpoint():
    with pytest.raises(FileNotFoundError, match='gone.pth: there is no such checkpoint'):
        DetectorOptions(load_from='gone.pth')
