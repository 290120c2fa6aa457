"""kpt predict, from files to files."""

import json
import os
import shutil

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from kpt_plugins.annotation_formats import read_annotations
from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.prompt_assignment import CategoryPrompts, save_assignment, save_named_model
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.apis.support_files import save_supports
from kpt_plugins.apis.support_set import SupportSet
from kpt_plugins.cli.main import kpt
from tests.tiny_detector import CATEGORY, write_detector
from tests.tiny_matcher import BOX, POINTS, SIZE, draw_object, write_matcher


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Weights, a saved category, and photos of the moved object."""
    folder = tmp_path_factory.mktemp('predict')
    write_matcher(folder / 'weights.pth')
    support = SupportSet.from_arrays(draw_object(), POINTS, names=list('abcd'), bbox=BOX)
    save_supports(support, folder / 'category')
    (folder / 'photos').mkdir()
    for name, shift in (('one', (0, 0)), ('two', (8, 8))):
        cv2.imwrite(str(folder / 'photos' / f'{name}.png'), draw_object(shift))
    cfg = load_config('weakshot_synth')
    torch.manual_seed(0)
    model, meta = build_model(cfg), dict(cfg=cfg.pretty_text)
    torch.save(dict(state_dict=model.state_dict(), meta=meta), folder / 'unnamed.pth')
    named = [
        CategoryPrompts(3, 'elk', ['nose', 'tail'], [4, 9], [0.1, 0.1], 5, [[0, 1]]),
        CategoryPrompts(8, 'hare', ['ear'], [4], [0.1], 5),
    ]
    save_named_model(folder / 'named.pth', model, named, meta)
    save_assignment(folder / 'names.json', named[1:])
    return folder


@pytest.fixture
def no_model(monkeypatch):
    """Nothing may load a model."""

    def load(*args, **kwargs):
        raise AssertionError('the model is loaded')

    monkeypatch.setattr('kpt_plugins.apis.keypoint_inferencer.read_model_source', load)


def write_clip(path, num_frames):
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, SIZE)
    for step in range(num_frames):
        video.write(draw_object((4 * step, 0)))
    video.release()
    return path


@pytest.fixture
def predict(folder, tmp_path):
    def run(*inputs, **options):
        defaults = dict(weights=folder / 'weights.pth', support=folder / 'category', device='cpu')
        defaults |= dict(out=tmp_path / 'out', bbox=BOX)
        args = ['predict', *inputs]
        for name, value in (defaults | options).items():
            if value is not None:
                values = value if isinstance(value, (list, tuple)) else [value]
                args += [f'--{name.replace("_", "-")}', *([] if value is True else values)]
        return CliRunner().invoke(kpt, [str(arg) for arg in args])

    return run


def test_a_folder(predict, folder, tmp_path):
    result = predict(folder / 'photos')
    assert result.exit_code == 0, result.output
    assert '2 images, 2 objects' in result.output
    found = read_annotations(tmp_path / 'out' / 'predictions.json')
    assert [image.file_name for image in found.images] == ['one.png', 'two.png']
    (one,) = found.images[0].instances
    assert np.abs(one.keypoints[:, :2] - POINTS).max() < 8 and (one.scores > 0.5).all()
    names = {p.name for p in (tmp_path / 'out' / 'visualizations').iterdir()}
    assert names == {'one.jpg', 'two.jpg'}


def test_videos_of_a_folder_too(predict, folder, tmp_path):
    (tmp_path / 'more' / 'below').mkdir(parents=True)
    for name in ('a.png', 'below/b.png'):
        cv2.imwrite(str(tmp_path / 'more' / name), draw_object())
    write_clip(tmp_path / 'more' / 'clip.avi', 2)
    result = predict(tmp_path / 'more')
    assert result.exit_code == 0, result.output
    found = read_annotations(tmp_path / 'out' / 'predictions.json')
    names = [image.file_name for image in found.images]
    assert names == ['a.png', 'clip.avi/000000.jpg', 'clip.avi/000001.jpg']


def test_every_file_once_under_a_name_of_its_own(predict, folder, tmp_path):
    for name in ('a', 'b'):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / 'x.png'), draw_object())
    result = predict(tmp_path / 'a' / 'x.png', tmp_path / 'a', tmp_path / 'b', no_pictures=True)
    assert result.exit_code == 0, result.output
    found = read_annotations(tmp_path / 'out' / 'predictions.json')
    assert [image.file_name for image in found.images] == ['a/x.png', 'b/x.png']


def test_results_of_an_earlier_run_stay(predict, folder, tmp_path, no_model):
    (tmp_path / 'out').mkdir()
    path = tmp_path / 'out' / 'predictions.json'
    path.write_text('earlier')
    result = predict(folder / 'photos')
    assert result.exit_code == 1
    assert 'out is not empty, it has predictions.json; ' in str(result.exception)
    assert path.read_text() == 'earlier'


def test_nothing_is_written_where_nothing_was_predicted(predict, folder, tmp_path):
    (tmp_path / 'out').mkdir()
    path = tmp_path / 'out' / 'predictions.json'
    path.write_text('earlier')
    bad = tmp_path / 'bad.png'
    bad.write_bytes(b'no picture')
    result = predict(bad, force=True)
    assert result.exit_code == 1
    assert '0 images, 0 objects: nothing is written' in result.output
    assert '1 of 1 inputs failed' in result.output and path.read_text() == 'earlier'
    assert predict(folder / 'photos', force=True).exit_code == 0
    assert len(json.loads(path.read_text())['images']) == 2


def test_the_rest_is_done_when_some_fail(predict, folder, tmp_path):
    bad = tmp_path / 'bad.jpg'
    bad.write_bytes(b'\xff\xd8\xff no picture')
    clip = tmp_path / 'bad.mp4'
    clip.write_bytes(b'no video')
    result = predict(bad, folder / 'photos', tmp_path / 'gone.png', clip)
    assert result.exit_code == 1
    assert '3 of 5 inputs failed' in result.output
    for name in ('bad.jpg', 'gone.png', 'bad.mp4'):
        assert f'failed: {tmp_path / name}' in result.output
    data = json.loads((tmp_path / 'out' / 'predictions.json').read_text())
    assert len(data['images']) == len(data['annotations']) == 2


def test_video_without_pictures(predict, tmp_path):
    result = predict(write_clip(tmp_path / 'clip.avi', 3), no_pictures=True)
    assert result.exit_code == 0, result.output
    data = json.loads((tmp_path / 'out' / 'predictions.json').read_text())
    assert [image['frame_id'] for image in data['images']] == [0, 1, 2]
    assert [p.name for p in (tmp_path / 'out').iterdir()] == ['predictions.json']


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(support='gone'), 'gone: there is no such file or folder of supports'),
        (dict(weights='gone.pth'), 'gone.pth does not exist'),
        (dict(model='fmmp_synth'), 'has not the weights'),
    ],
)
def test_mistakes_that_leave_nothing_to_do(predict, folder, tmp_path, options, message):
    result = predict(folder / 'photos', **options)
    assert result.exit_code == 1 and message in str(result.exception)
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(device='banana'), "device 'banana' cannot be used"),
        (dict(device='cuda:99'), "device 'cuda:99' cannot be used"),
        (dict(out='a.png'), 'a.png: a file, expected a folder'),
        (dict(out='a.png/deep/out'), 'a.png: a file, expected a folder'),
        (dict(support='gone'), 'gone: there is no such file or folder of supports'),
    ],
)
def test_mistakes_are_found_before_the_model_is_loaded(
    predict, folder, tmp_path, monkeypatch, no_model, options, message
):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite('a.png', draw_object())
    result = predict('a.png', **options)
    assert isinstance(result.exception, (OSError, ValueError)), result.exception
    assert message in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ['a.png']


def test_a_missing_input_alone_is_found_before_the_model_is_loaded(predict, no_model):
    result = predict('gone.png')
    assert isinstance(result.exception, FileNotFoundError)
    assert 'gone.png: there is no such image, video or folder' in str(result.exception)


@pytest.mark.parametrize('box', [[9, 9, 5, 20], [0, 5, 9, 5], [0, 0, 9, 'nan'], [-9, -9, -1, -1]])
def test_a_wrong_box_is_a_usage_error(predict, folder, no_model, box):
    result = predict(folder / 'photos', bbox=box)
    assert result.exit_code == 2 and "Invalid value for '--bbox': box (" in result.output


def test_supports_with_boxes_and_photos_without(predict, folder, tmp_path):
    support = SupportSet.from_arrays(
        draw_object(), POINTS, names=list('abcd'), bbox=[80, 50, 320, 210]
    )
    save_supports(support, tmp_path / 'category')
    result = predict(folder / 'photos', support=tmp_path / 'category', bbox=None)
    assert result.exit_code == 0, result.output
    assert 'a box that is 40% of its image' in result.output
    assert 'Give --bbox or --det-model' in result.output
    boxed = predict(folder / 'photos', support=tmp_path / 'category', force=True)
    assert boxed.exit_code == 0 and 'of its image' not in boxed.output


def test_weak_shot_model_with_names(predict, folder, tmp_path):
    weights = folder / 'named.pth'
    result = predict(folder / 'photos', weights=weights, support=None, category='elk')
    assert result.exit_code == 0, result.output
    found = read_annotations(tmp_path / 'out' / 'predictions.json')
    (category,) = found.categories
    assert (category.name, category.keypoint_names) == ('elk', ['nose', 'tail'])
    assert category.skeleton == [(0, 1)] and len(found.images) == 2
    result = predict(folder / 'photos', weights=weights, support=None, force=True)
    assert result.exit_code == 1 and 'expected one of elk, hare' in str(result.exception)


def test_weak_shot_model_without_names(predict, folder, tmp_path):
    options = dict(weights=folder / 'unnamed.pth', support=None, no_pictures=True, force=True)
    points = {}
    for score in (0, 1):
        result = predict(folder / 'photos', min_keypoint_score=score, **options)
        assert result.exit_code == 0, result.output
        data = json.loads((tmp_path / 'out' / 'predictions.json').read_text())
        assert data['categories'][0]['keypoints'][:2] == ['prompt 0', 'prompt 1']
        points[score] = [annotation['num_keypoints'] for annotation in data['annotations']]
    assert points[0] == [48, 48] and points[1] == [0, 0]
    names = folder / 'names.json'
    assert predict(folder / 'photos', prompt_names=names, **options).exit_code == 0
    data = json.loads((tmp_path / 'out' / 'predictions.json').read_text())
    assert data['categories'][0]['keypoints'] == ['ear']


def test_a_detector(predict, folder, tmp_path):
    options = dict(weights=write_detector(tmp_path), support=None, bbox=None)
    result = predict(folder / 'photos', **options)
    assert result.exit_code == 0, result.output
    found = read_annotations(tmp_path / 'out' / 'predictions.json')
    assert found.categories == [CATEGORY]
    assert [len(image.instances) for image in found.images] == [1, 1]
    assert {p.name for p in (tmp_path / 'out' / 'visualizations').iterdir()} == {
        'one.jpg',
        'two.jpg',
    }
    for option, value in (('category', 'goat'), ('min_keypoint_score', 0.2)):
        result = predict(folder / 'photos', force=True, **options, **{option: value})
        assert result.exit_code == 2
        assert f'--{option.replace("_", "-")} is not for detectors' in result.output


def test_support_and_model_must_fit(predict, folder, tmp_path):
    few = predict(folder / 'photos', support=None)
    assert few.exit_code == 1 and 'needs annotated supports' in str(few.exception)
    few = predict(folder / 'photos', support=None, category='a')
    assert few.exit_code == 1 and 'needs annotated supports' in str(few.exception)
    detector = predict(folder / 'photos', weights=write_detector(tmp_path))
    assert detector.exit_code == 1 and 'a detector, which takes no' in str(detector.exception)
    weak = predict(folder / 'photos', weights=folder / 'unnamed.pth')
    assert weak.exit_code == 1 and 'takes no supports' in str(weak.exception)
    for options, message in (
        (dict(support=None, support_images=tmp_path), '--support-images needs --support'),
        (dict(support=None, shots=3), '--shots needs --support'),
        (dict(support=''), '--support is empty'),
        (dict(min_keypoint_score=0.2), '--min-keypoint-score is for weak-shot models'),
        (dict(prompt_names='a.json'), '--prompt-names is for weak-shot models'),
    ):
        result = predict(folder / 'photos', **options)
        assert result.exit_code == 2 and message in result.output
    assert not (tmp_path / 'out').exists()


def test_usage_errors(predict, folder):
    assert predict().exit_code == 2
    assert predict(folder / 'photos', kpt_thr=7).exit_code == 2
    assert predict(folder / 'photos', batch_size=0).exit_code == 2


def test_stopped_by_the_user_keeps_what_is_done(predict, folder, tmp_path, monkeypatch):
    from kpt_plugins.apis import few_shot_inferencer

    def stop(self, *args, **options):
        yield from original(self, folder / 'photos')
        raise KeyboardInterrupt

    original = few_shot_inferencer.FewShotInferencer.stream
    monkeypatch.setattr(few_shot_inferencer.FewShotInferencer, 'stream', stop)
    result = predict(folder / 'photos')
    assert result.exit_code == 130
    assert len(json.loads((tmp_path / 'out' / 'predictions.json').read_text())['images']) == 2


@pytest.mark.skipif(os.sep != '/', reason='other systems have no such names')
@pytest.mark.parametrize('name', [b'caf\xe9.png', b'a:b.png'])
def test_a_name_that_cannot_be_written_costs_no_other_photo(folder, tmp_path, name):
    photos = tmp_path / 'photos'
    shutil.copytree(folder / 'photos', photos)
    shutil.copyfile(photos / 'one.png', photos / os.fsdecode(name))
    options = ['--weights', folder / 'weights.pth', '--support', folder / 'category']
    options += ['--out', tmp_path / 'out', '--device', 'cpu']
    result = CliRunner().invoke(kpt, [*map(str, ('predict', photos, *options))])
    assert result.exit_code == 1 and 'rename the file' in result.output
    found = read_annotations(tmp_path / 'out' / 'predictions.json')
    assert [image.file_name for image in found.images] == ['one.png', 'two.png']


@pytest.mark.parametrize('option', [('--det-cat-id', '3'), ('--det-weights', 'x.pth')])
def test_options_of_a_detector_without_one(folder, tmp_path, option):
    options = ['--weights', folder / 'weights.pth', '--support', folder / 'category']
    options += ['--out', tmp_path / 'out', *option]
    result = CliRunner().invoke(kpt, [*map(str, ('predict', folder / 'photos', *options))])
    assert result.exit_code == 2 and f'{option[0]} needs --det-model' in result.output
