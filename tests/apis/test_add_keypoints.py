import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmpose.apis import init_model

from kpt_plugins.engine.hooks.step_handover_hook import CONFIG_NAME, DETECTOR_NAME
from tests.helpers import write_json
from tests.tiny_steps import METAINFO, NAMES, base_model, dataset, write_dots
from tests.tools.tool import load_tool

tool = load_tool('add_keypoints')
OLD, NEW = NAMES[:4], NAMES[4:]


def cut(content: dict, first: int, last: int) -> dict:
    """An annotation file with some of its keypoints only."""
    content = json.loads(json.dumps(content))
    content['categories'][0]['keypoints'] = list(NAMES[first:last])
    for annotation in content['annotations']:
        annotation['keypoints'] = annotation['keypoints'][3 * first : 3 * last]
        annotation['num_keypoints'] = last - first
    return content


@pytest.fixture(scope='module')
def files(tmp_path_factory) -> Path:
    """An old detector of 4 keypoints as MMPose has it, and annotations of 2 new ones."""
    root = tmp_path_factory.mktemp('add')
    write_dots(root / 'data', num_images=6)
    info = dict(METAINFO, joint_weights=[1.0] * 4, sigmas=[0.05] * 4)
    info['keypoint_info'] = {i: METAINFO['keypoint_info'][i] for i in range(4)}
    info['skeleton_info'] = {i: METAINFO['skeleton_info'][i] for i in range(3)}
    test = dataset(root, 0, test=True)
    part = dict(type='CocoDataset', metainfo=info, ann_file='x.json', pipeline=test['pipeline'])
    cfg = Config(
        dict(
            default_scope='mmpose',
            model=base_model(4),
            train_dataloader=dict(dataset=part),
            test_dataloader=dict(dataset=part),
        )
    )
    cfg.dump(str(root / 'old.py'))
    torch.manual_seed(0)
    torch.save(dict(state_dict=init_model(cfg, device='cpu').state_dict()), root / 'old.pth')
    content = json.loads((root / 'data' / 'dots.json').read_text())
    write_json(root / 'new.json', cut(content, 4, 6))
    return root


def arguments(files, work_dir, **changes):
    options = {
        'old-config': files / 'old.py',
        'old-checkpoint': files / 'old.pth',
        'ann': files / 'new.json',
        'images': files / 'data' / 'images',
        'work-dir': work_dir,
        'epochs': 1,
        'batch-size': 2,
        **{key.replace('_', '-'): value for key, value in changes.items()},
    }
    return [text for key, value in options.items() for text in (f'--{key}', str(value))]


def prepare(files, work_dir, *extra, **changes):
    return tool.prepare(tool.parse_args([*arguments(files, work_dir, **changes), *extra]))


def test_one_ordinary_detector_of_all_keypoints(files, tmp_path):
    """From the command line to a model of stock parts; started again, it does nothing new."""
    triplet = ['--triplet', 'l_foot', 'r_foot', 'tail']
    tool.main([*arguments(files, tmp_path), *triplet])
    model = init_model(str(tmp_path / CONFIG_NAME), str(tmp_path / DETECTOR_NAME), 'cpu')
    assert type(model.head).__name__ == 'HeatmapHead' and model.head.out_channels == 6
    assert list(model.dataset_meta['keypoint_name2id']) == list(NAMES)
    assert model.dataset_meta['flip_indices'] == [0, 1, 3, 2, 5, 4]
    assert 'Association [5/5]' in next(tmp_path.glob('*/*.log')).read_text()
    written = (tmp_path / DETECTOR_NAME).read_bytes()
    tool.main([*arguments(files, tmp_path), *triplet])
    assert (tmp_path / DETECTOR_NAME).read_bytes() == written


def test_config(files, tmp_path):
    cfg = Config.fromfile(prepare(files, tmp_path))
    data = cfg.train_dataloader.dataset
    assert data.times == 17  # 6 images in batches of 2, at least 50 iterations
    assert data.dataset.steps == [list(OLD), list(NEW)]
    assert cfg.model.backbone.norm_eval and cfg.model.ka_net and cfg.model.triplets == 'miner'
    merged = json.loads((tmp_path / 'input' / tool.ANNOTATIONS).read_text())
    assert merged['categories'][0]['keypoints'] == list(NAMES)
    original = json.loads((files / 'new.json').read_text())
    for new, old in zip(merged['annotations'], original['annotations'], strict=True):
        assert new['keypoints'] == [0] * 12 + old['keypoints']


def test_without_flips(files, tmp_path):
    cfg = Config.fromfile(prepare(files, tmp_path, '--no-flip'))
    pipeline = cfg.train_dataloader.dataset.dataset.pipeline
    assert 'RandomFlip' not in [transform.type for transform in pipeline]
    assert cfg.model.test_cfg.flip_test is False


def test_a_single_new_keypoint_needs_no_ka_net(files, tmp_path, capsys):
    content = cut(json.loads((files / 'data' / 'dots.json').read_text()), 4, 5)
    content['categories'][0]['keypoints'] = ['nose']
    ann = write_json(tmp_path / 'one.json', content)
    cfg = Config.fromfile(prepare(files, tmp_path / 'run', ann=ann))
    assert cfg.model.ka_net is None and 'KA-Net needs two' in capsys.readouterr().out


class TestErrors:
    def refused(self, message, files, tmp_path, *extra, **changes):
        with pytest.raises(SystemExit, match=message):
            tool.main([*arguments(files, tmp_path / 'run', **changes), *extra])
        assert not (tmp_path / 'run' / DETECTOR_NAME).exists()

    def changed(self, files, tmp_path, change):
        content = json.loads((files / 'new.json').read_text())
        change(content)
        return write_json(tmp_path / 'changed.json', content)

    @pytest.mark.parametrize('option', ['old_config', 'old_checkpoint', 'ann', 'images'])
    def test_missing_files(self, files, tmp_path, option):
        self.refused(r'error: .*nowhere.*there is no such', files, tmp_path, **{option: 'nowhere'})

    def test_names_that_overlap(self, files, tmp_path):
        ann = self.changed(
            files, tmp_path, lambda c: c['categories'][0].update(keypoints=['tail', 'r_foot'])
        )
        self.refused(r'changed.json: tail: the old detector has', files, tmp_path, ann=ann)

    def test_one_side_only(self, files, tmp_path):
        ann = self.changed(
            files, tmp_path, lambda c: c['categories'][0].update(keypoints=['l_foot', 'nose'])
        )
        self.refused(r'changed.json: l_foot: no keypoint of the other', files, tmp_path, ann=ann)

    def test_no_label(self, files, tmp_path):
        def hide(content):
            for annotation in content['annotations']:
                annotation['keypoints'] = [0] * 6

        ann = self.changed(files, tmp_path, hide)
        self.refused(r'none of the 6 annotations shows one of l_foot', files, tmp_path, ann=ann)

    def test_missing_image(self, files, tmp_path):
        ann = self.changed(files, tmp_path, lambda c: c['images'][1].update(file_name='no.png'))
        self.refused(r'no.png: there is no such image; 1 of the 6', files, tmp_path, ann=ann)

    @pytest.mark.parametrize('part', ['head', 'estimator'])
    def test_old_model_without_heatmaps(self, files, tmp_path, part):
        cfg = Config.fromfile(files / 'old.py')
        if part == 'head':
            cfg.model.head.type = 'RTMCCHead'
        else:
            cfg.model.type = 'BottomupPoseEstimator'
        cfg.dump(str(tmp_path / 'other.py'))
        self.refused(
            r'other.py: expected a TopdownPoseEstimator with a HeatmapHead, found .*only heatmaps',
            files,
            tmp_path,
            old_config=tmp_path / 'other.py',
        )

    def test_old_model_with_another_head(self, files, tmp_path):
        cfg = Config.fromfile(files / 'old.py')
        cfg.model.head.out_channels = 5
        cfg.dump(str(tmp_path / 'other.py'))
        self.refused(
            r'out_channels is 5, the dataset has 4', files, tmp_path,
            old_config=tmp_path / 'other.py',
        )  # fmt: skip

    def test_other_options_in_the_same_folder(self, files, tmp_path):
        prepare(files, tmp_path)
        (tmp_path / 'epoch_1.pth').touch()
        with pytest.raises(ValueError, match='holds a training with other options'):
            prepare(files, tmp_path, epochs=3)
