"""kpt train-detector, from labels to a detector that MMPose loads."""

import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from mmpose.apis import MMPoseInferencer

from kpt_plugins.annotation_formats import read_annotations, write_annotations
from kpt_plugins.apis import DetectorInferencer, detector_config, detector_training
from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.cli.main import kpt
from tests.helpers import coco_file, write_coco, write_json
from tests.tools.tool import load_tool


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """A few iterations an epoch of a narrow network, in this process."""
    resnet = detector_config.resnet

    def narrow(*args):
        wide = resnet(*args)
        config = dict(wide.config, stem_channels=8, base_channels=8)
        return replace(wide, config=config, channels=(16, 32, 64))

    # what takes longest: each config's text is laid out anew, six times a training
    monkeypatch.setattr('yapf.yapflib.yapf_api.FormatCode', lambda text, **_: (text, True))
    monkeypatch.setattr(detector_config, 'MIN_ITERATIONS', 2)
    monkeypatch.setattr(detector_config, 'resnet', narrow)
    train = load_tool('train')

    def run(command, env):
        train.main(command[2:])
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(detector_training, 'subprocess', SimpleNamespace(run=run))


@pytest.fixture
def labels(tmp_path):
    content = coco_file(4, [[0, 1]], num_images=3)
    for number, annotation in enumerate(content['annotations']):
        annotation['keypoint_scores'] = [0.9, 0.9, 0.9, 0.3] if number else [0.1] * 4
    return write_coco(tmp_path, content)


@pytest.fixture
def train(labels, tmp_path):
    def run(annotations=labels, *flags, **options):
        defaults = dict(
            images=tmp_path / 'images',
            work_dir=tmp_path / 'run',
            epochs=1,
            batch_size=2,
            workers=0,
            device='cpu',
        )
        args = ['train-detector', annotations, '--input-size', 64, 64, *flags]
        for name, value in (defaults | options).items():
            args += [f'--{name.replace("_", "-")}', value]
        return CliRunner().invoke(kpt, [str(arg) for arg in args])

    return run


@pytest.mark.parametrize('method', ['heatmap', 'coke'])
def test_from_labels_to_mmposes_inferencer(train, labels, tmp_path, method):
    result = train(method=method, min_score=0.5, min_keypoint_score=0.5)
    assert result.exit_code == 0, result.output
    assert '2 objects in 2 images; 1 objects left out' in result.output
    assert '2 of their keypoints are not sure enough' in result.output
    written = json.loads((tmp_path / 'run' / 'input' / 'annotations.json').read_text())
    assert [a['keypoints'][2::3] for a in written['annotations']] == [[2, 2, 2, 0]] * 2
    config, weights = tmp_path / 'run' / 'detector.py', tmp_path / 'run' / 'epoch_1.pth'
    assert f'{config}\n{weights}' in result.output
    inferencer = MMPoseInferencer(str(config), str(weights), det_model='whole_image', device='cpu')
    (instance,) = next(inferencer(str(tmp_path / 'images' / '0.png')))['predictions'][0]
    assert len(instance['keypoints']) == 4
    assert inferencer.inferencer.model.dataset_meta['keypoint_id2name'][3] == 'p3'


def test_resume_goes_on_with_the_same_run_only(train, labels, tmp_path, monkeypatch):
    def stop(self, runner):
        raise RuntimeError('power cut')

    hook = 'kpt_plugins.engine.hooks.safe_checkpoint_hook.SafeCheckpointHook.before_train_epoch'
    with monkeypatch.context() as patch:
        patch.setattr(hook, lambda self, runner: runner.epoch == 5 and stop(self, runner))
        assert train(epochs=6).exit_code == 1
    assert (tmp_path / 'run' / 'epoch_5.pth').is_file()
    result = train(epochs=6)
    assert 'run is not empty' in str(result.exception) and '--force' in str(result.exception)
    result = train(labels, '--resume', epochs=6, min_score=0.5)
    assert 'another labels of annotations.json' in str(result.exception)
    result = train(labels, '--resume', epochs=7)
    assert 'another epochs (6 there, 7 now)' in str(result.exception)
    result = train(labels, '--resume', epochs=6)
    assert result.exit_code == 0, result.output
    checkpoint = torch.load(tmp_path / 'run' / 'epoch_6.pth', weights_only=False)
    assert checkpoint['meta']['iter'] == 18
    assert train(labels, '--resume', '--force').exit_code == 2
    assert train(labels, '--force', epochs=1).exit_code == 0
    assert [p.name for p in (tmp_path / 'run').glob('*.pth')] == ['epoch_1.pth']


def test_human_labels_replace_predicted_ones(train, labels, tmp_path):
    human = coco_file(4, [[0, 1]], num_images=1)
    human['annotations'][0]['keypoints'][:2] = [20, 21]
    path = write_json(tmp_path / 'images' / 'human.json', human)
    result = train(annotated=path, load_from=_weights(tmp_path))
    assert result.exit_code == 0, result.output
    assert f'{path}: 1 objects' in result.output and '2 objects in 2 images' in result.output
    folder = tmp_path / 'run' / 'input'
    names = {
        name: [i['file_name'] for i in json.loads((folder / name).read_text())['images']]
        for name in ('annotations.json', 'annotated.json')
    }
    assert names == {'annotations.json': ['1.png', '2.png'], 'annotated.json': ['0.png']}
    all_of_them = write_json(tmp_path / 'images' / 'all.json', coco_file(4, num_images=3))
    result = train(labels, '--force', annotated=all_of_them)
    assert 'all its accepted images have labels in' in str(result.exception)


def test_corrected_exports(train, labels, tmp_path):
    known = read_annotations(labels)
    for format, name in (('cvat', 'a.xml'), ('label-studio', 'a.json')):
        path = tmp_path / name
        write_annotations(known, path, format, tmp_path / 'images')
        result = train(path, '--force', categories=labels)
        assert result.exit_code == 0, (format, result.output, result.exception)
        assert 'objects in 3 images; 0 objects left out' in result.output
        written = json.loads((tmp_path / 'run' / 'input' / 'annotations.json').read_text())
        assert written['categories'][0]['keypoints'] == ['p0', 'p1', 'p2', 'p3']
        untouched = '3 objects are as in' in result.output
        assert untouched == (format == 'cvat')
    result = train(tmp_path / 'a.xml', '--force', min_score=0.5)
    assert 'No label has a confidence' in result.output and '0 objects left out' in result.output
    result = train(tmp_path / 'a.xml', '--force', categories=labels, min_score=0.5)
    assert '1 objects left out' in result.output
    assert 'No label has a confidence' not in result.output


def test_mirroring_and_keypoints_without_labels_are_told(train, labels, tmp_path):
    result = train(min_keypoint_score=0.5, min_score=0.5)
    assert result.exit_code == 0, result.output
    assert 'Images are not mirrored' in result.output
    assert 'No label shows p3: the detector will not find them' in result.output
    inferencer = DetectorInferencer(weights=tmp_path / 'run' / 'epoch_1.pth', device='cpu')
    (found,) = inferencer.predict(tmp_path / 'images' / '0.png')[0].instances
    assert found.shown.tolist() == [True, True, True, False]
    result = train(labels, '--force', '--flip')
    assert result.exit_code == 0 and 'not mirrored' not in result.output
    assert 'No label shows' not in result.output


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(min_score=0.95), 'none of 3 objects is accepted'),
        (dict(category='cow'), "no category 'cow', expected the name of one of thing"),
        (dict(images='nowhere'), 'nowhere: there is no such folder'),
        (dict(load_from='gone.pth'), 'gone.pth: there is no such checkpoint'),
        (dict(backbone_of='gone.pth'), 'checkpoint gone.pth does not exist'),
        (dict(annotated='gone.json'), 'gone.json: there is no such file'),
        (dict(device='cuda:99'), "device 'cuda:99': PyTorch finds"),
        (dict(device='tpu'), "device 'tpu': expected cpu, cuda or cuda:N"),
    ],
)
def test_mistakes_leave_nothing_behind(train, tmp_path, options, message):
    result = train(**options)
    assert result.exit_code == 1 and message in str(result.exception), result.output
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize('options', [('--backbone', 'resnet50'), ('--pretrained',)])
def test_one_backbone(train, labels, tmp_path, options):
    result = train(labels, *options, backbone_of=tmp_path / 'a.pth')
    assert result.exit_code == 2 and f'{options[0]} is of a ResNet' in result.output
    assert not (tmp_path / 'run').exists()


def test_backbone_of_a_few_shot_model(train, labels, tmp_path):
    cfg = load_config(Path(__file__).parents[1] / 'tiny_fmmp.py')
    path = tmp_path / 'few_shot.pth'
    state = build_model(cfg).state_dict()
    torch.save(dict(state_dict=state, meta=dict(cfg=cfg.pretty_text)), path)
    result = train(backbone_of=path)
    assert result.exit_code == 0, result.output
    result = train(labels, '--resume', backbone_of=path)
    assert result.exit_code == 0, result.output
    result = train(labels, '--resume')
    assert 'another backbone' in str(result.exception)
    path.unlink()  # the detector does not need it
    config, weights = tmp_path / 'run' / 'detector.py', tmp_path / 'run' / 'epoch_1.pth'
    inferencer = MMPoseInferencer(str(config), str(weights), det_model='whole_image', device='cpu')
    (instance,) = next(inferencer(str(tmp_path / 'images' / '0.png')))['predictions'][0]
    assert len(instance['keypoints']) == 4


def test_a_failed_training(train, tmp_path, monkeypatch):
    run = SimpleNamespace(run=lambda command, env: SimpleNamespace(returncode=3))
    monkeypatch.setattr(detector_training, 'subprocess', run)
    result = train()
    assert result.exit_code == 1 and 'the training failed (status 3)' in result.output


def test_devices(monkeypatch):
    environment = detector_training.device_environment
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
    assert environment('cpu')['CUDA_VISIBLE_DEVICES'] == '-1'
    assert environment('cuda:1')['CUDA_VISIBLE_DEVICES'] == '1'
    assert environment(None) == dict(os.environ)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '4,7')
    assert environment('cuda:1')['CUDA_VISIBLE_DEVICES'] == '7'
    assert environment('cuda')['CUDA_VISIBLE_DEVICES'] == '4'


@pytest.mark.slow
def test_it_learns(train, tmp_path, monkeypatch):
    """A disc on noise is found after some iterations."""
    monkeypatch.setattr(detector_config, 'MIN_ITERATIONS', 60)
    rng = np.random.default_rng(0)
    content = coco_file(1, [], num_images=8)
    for image, annotation in zip(content['images'], content['annotations'], strict=True):
        x, y = rng.integers(14, 50, 2).tolist()
        image.update(width=64, height=64)
        annotation.update(bbox=[0, 0, 64, 64], keypoints=[x, y, 2])
        pixels = rng.integers(60, size=(64, 64, 3), dtype=np.uint8)
        cv2.circle(pixels, (x, y), 5, (255, 255, 255), -1)
        cv2.imwrite(str(tmp_path / 'images' / image['file_name']), pixels)
    path = write_json(tmp_path / 'discs.json', content)
    result = train(path, epochs=6, batch_size=8)
    assert result.exit_code == 0, result.output
    config, weights = tmp_path / 'run' / 'detector.py', tmp_path / 'run' / 'epoch_6.pth'
    inferencer = MMPoseInferencer(str(config), str(weights), det_model='whole_image', device='cpu')
    errors = []
    for image, annotation in zip(content['images'], content['annotations'], strict=True):
        found = next(inferencer(str(tmp_path / 'images' / image['file_name'])))['predictions'][0][0]
        errors.append(np.abs(np.subtract(found['keypoints'][0], annotation['keypoints'][:2])).max())
    assert np.median(errors) < 4, errors


def _weights(folder: Path) -> Path:
    """A checkpoint with none of the weights: it is read, and changes nothing."""
    torch.save(dict(state_dict={}), folder / 'start.pth')
    return folder / 'start.pth'
