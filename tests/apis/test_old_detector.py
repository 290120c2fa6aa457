"""Existing detectors: which are taken, and what is said of the others."""

from importlib.util import find_spec
from pathlib import Path

import mmpose
import numpy as np
import pytest
import torch
from mmengine.config import Config

from kpt_plugins.apis import old_detector as module
from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.old_detector import check_weights, old_detector
from kpt_plugins.structures.plain_detector import dataset_info
from tests.tiny_old_detector import write_config, write_detector

ZOO = Path(mmpose.__file__).parent / '.mim/configs/body_2d_keypoint/topdown_heatmap/coco'


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('old')
    write_detector(folder, 'old')
    return folder


def changed(root, tmp_path, change) -> Path:
    cfg = Config.fromfile(root / 'old.py')
    change(cfg)
    return write_config(tmp_path / 'other.py', cfg)


def refused(root, tmp_path, message, change):
    with pytest.raises(ValueError, match=rf'other.py: .*{message}'):
        old_detector(changed(root, tmp_path, change))


def test_a_good_one(root):
    cfg, info = old_detector(root / 'old.py')
    assert info['num_keypoints'] == 4
    check_weights(cfg, root / 'old.pth')


class TestEntries:
    @pytest.mark.parametrize('part', ['head', 'estimator', 'all'])
    def test_no_heatmaps(self, root, tmp_path, part):
        def change(cfg):
            if part == 'head':
                cfg.model.head.type = 'RTMCCHead'
            elif part == 'estimator':
                cfg.model.type = 'BottomupPoseEstimator'
            else:
                cfg.model = {}

        refused(root, tmp_path, 'expected a TopdownPoseEstimator.*only heatmaps', change)

    @pytest.mark.parametrize(
        ('field', 'message'),
        [
            ('out_channels', 'model.head.out_channels is None, expected the number'),
            ('decoder', 'model.head.decoder is None, expected the codec'),
        ],
    )
    def test_head(self, root, tmp_path, field, message):
        refused(root, tmp_path, message, lambda cfg: cfg.model.head.pop(field))

    def test_another_number_of_keypoints(self, root, tmp_path):
        def change(cfg):
            cfg.model.head.out_channels = 5

        refused(root, tmp_path, 'out_channels is 5, the dataset has 4', change)

    def test_no_test_pipeline(self, root, tmp_path):
        message = 'test_dataloader.dataset.pipeline is missing'
        refused(root, tmp_path, message, lambda cfg: cfg.pop('test_dataloader'))
        refused(root, tmp_path, message, lambda cfg: cfg.test_dataloader.dataset.pop('pipeline'))

    def test_no_crop(self, root, tmp_path):
        def change(cfg):
            cfg.test_dataloader.dataset.pipeline.pop(2)

        refused(root, tmp_path, 'no TopdownAffine.*LoadImage, GetBBoxCenterScale, Pack', change)

    def test_no_config(self, tmp_path):
        for name, text in (('a.py', 'model = ('), ('a.txt', 'hello')):
            (tmp_path / name).write_text(text)
            with pytest.raises(ValueError, match=f'{name} is no config'):
                old_detector(tmp_path / name)


class TestMetainfo:
    def test_none(self, root, tmp_path):
        refused(root, tmp_path, 'has no metainfo', lambda cfg: cfg.pop('train_dataloader'))

    @pytest.mark.parametrize('wrapper', ['RepeatDataset', 'ConcatDataset'])
    def test_of_a_wrapped_dataset(self, root, tmp_path, wrapper):
        def change(cfg):
            inner = cfg.train_dataloader.dataset
            parts = dict(datasets=[inner]) if wrapper == 'ConcatDataset' else dict(dataset=inner)
            cfg.train_dataloader.dataset = dict(type=wrapper, **parts)

        _, info = old_detector(changed(root, tmp_path, change))
        assert info['keypoint_id2name'] == old_detector(root / 'old.py')[1]['keypoint_id2name']

    @pytest.mark.parametrize('part', ['keypoint_info', 'swap', 'link'])
    def test_malformed(self, root, tmp_path, part):
        def change(cfg):
            info = cfg.train_dataloader.dataset.metainfo
            if part == 'keypoint_info':
                del info['keypoint_info']
            elif part == 'swap':
                info.keypoint_info[0]['swap'] = 'wing'
            else:
                info.skeleton_info[0]['link'] = ('head', 'wing')

        refused(root, tmp_path, 'train_dataloader.dataset.metainfo is malformed', change)

    def test_sigmas(self, root, tmp_path):
        def change(cfg):
            cfg.train_dataloader.dataset.metainfo.sigmas.pop()

        refused(root, tmp_path, '3 sigmas for 4 keypoints', change)

    def test_joint_weights(self, root, tmp_path):
        def change(cfg):
            cfg.train_dataloader.dataset.metainfo.joint_weights = [1.0, 2.0]

        _, info = old_detector(changed(root, tmp_path, change))
        assert info['dataset_keypoint_weights'].tolist() == [1, 1, 1, 1]

    def test_numbering(self, root, tmp_path):
        def change(cfg):
            info = cfg.train_dataloader.dataset.metainfo.keypoint_info
            info[4] = info.pop(3)

        refused(root, tmp_path, 'expected keys from 0 to 3', change)

        def repeat(cfg):
            info = cfg.train_dataloader.dataset.metainfo.keypoint_info
            info[1] = dict(info[0])

        refused(root, tmp_path, 'malformed|different names', repeat)


class TestPackages:
    @pytest.mark.skipif(find_spec('mmpretrain') is not None, reason='mmpretrain is installed')
    def test_transformer_of_the_zoo(self, monkeypatch):
        monkeypatch.setattr(module, 'version', lambda name: '1')
        config = ZOO / 'td-hm_ViTPose-base_8xb64-210e_coco-256x192.py'
        with pytest.raises(
            ValueError, match='mmpretrain.VisionTransformer.*not installed'
        ) as error:
            old_detector(config)
        assert str(error.value).endswith(': pip install onedl-mmpretrain model-index')

    @pytest.mark.parametrize(
        ('family', 'package', 'command'),
        [(True, 'mmx', 'onedl-mmx'), (True, 'timx', 'timx'), (False, 'mmx', 'mmx')],
    )
    def test_command(self, root, tmp_path, monkeypatch, family, package, command):
        def version(name):
            if not family:
                raise module.PackageNotFoundError

        def change(cfg):
            cfg.model.backbone.type = f'{package}.Net'

        monkeypatch.setattr(module, 'version', version)
        message = f'{package}.Net, of the package {package}.*pip install {command}$'
        refused(root, tmp_path, message, change)

    def test_a_package_that_does_not_work(self, root, tmp_path, monkeypatch):
        (tmp_path / 'mmbroken.py').write_text("assert False, 'mmcv is too new'")
        monkeypatch.syspath_prepend(tmp_path)

        def change(cfg):
            cfg.model.backbone.type = 'mmbroken.Net'

        refused(root, tmp_path, r'package mmbroken.*\(mmcv is too new\): pip install', change)

    def test_custom_imports(self, root, tmp_path):
        def change(cfg):
            cfg.custom_imports = dict(imports=['no_such_package.models'])

        message = "custom_imports .*No module named 'no_such_package'; pip install no_such_package"
        refused(root, tmp_path, message, change)


def test_wrong_joint_weights_of_the_zoo():
    """19 keypoints, 18 joint weights."""
    config = ZOO / 'td-hm_hrnet-w32_8xb64-210e_coco-aic-256x192-combine.py'
    _, info = old_detector(config)
    assert np.array_equal(info['dataset_keypoint_weights'], np.ones(19))
    assert len(dataset_info(info)['joint_weights']) == 19


class TestWeights:
    def refused(self, root, path, message, **changes):
        cfg, _ = old_detector(root / 'old.py')
        cfg.model.head.update(changes)
        with pytest.raises(ValueError, match=message):
            check_weights(cfg, path)

    def test_text(self, root, tmp_path):
        path = tmp_path / 'old.pth'
        path.write_text('not found')
        self.refused(root, path, 'old.pth')

    @pytest.mark.parametrize('content', [dict(state_dict=None), {1: torch.ones(1)}, dict(a=2)])
    def test_other_contents(self, root, tmp_path, content):
        torch.save(content, tmp_path / 'other.pth')
        self.refused(root, tmp_path / 'other.pth', 'other.pth (holds no weights|has not the weig)')

    def test_a_key_is_missing(self, root, tmp_path):
        content = torch.load(root / 'old.pth', weights_only=True)
        del content['state_dict']['head.final_layer.bias']
        torch.save(content, tmp_path / 'less.pth')
        self.refused(root, tmp_path / 'less.pth', 'has not the weights.*head.final_layer.bias')

    def test_no_last_layer(self, root):
        self.refused(root, root / 'old.pth', 'final_layer is None', final_layer=None,
                     deconv_out_channels=(4,))  # fmt: skip

    def test_a_model_that_cannot_be_built(self, root):
        self.refused(root, root / 'old.pth', 'old.py: the model cannot be built', wings=2)

    @pytest.mark.parametrize(
        ('field', 'value', 'message'),
        [
            ('heatmap_size', (12, 10), r'heatmaps of 12 x 12 of an image of 48 x 48.*\(12, 10\)'),
            ('input_size', None, 'the model makes no heatmaps of an image as'),
            ('input_size', (0, 0), 'the model makes no heatmaps of an image as'),
        ],
    )
    def test_other_heatmaps_than_the_codec(self, root, field, value, message):
        cfg, _ = old_detector(root / 'old.py')
        check_weights(cfg, root / 'old.pth')
        decoder = dict(cfg.model.head.decoder)
        decoder[field] = value
        model = build_model(cfg)
        cfg.model.head.decoder = decoder
        with pytest.raises(ValueError, match=message):
            module._check_heatmaps(model, cfg)
