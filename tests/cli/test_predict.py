"""kpt predict, from files to files."""

import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from kpt_plugins.annotation_formats import read_annotations
from kpt_plugins.apis.support_files import save_supports
from kpt_plugins.apis.support_set import SupportSet
from kpt_plugins.cli.main import kpt
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
    return folder


@pytest.fixture
def predict(folder, tmp_path):
    def run(*inputs, **options):
        defaults = dict(weights=folder / 'weights.pth', support=folder / 'category', device='cpu')
        args = ['predict', *inputs, '--out', tmp_path / 'out', '--bbox', *BOX]
        for name, value in (defaults | options).items():
            args += [f'--{name.replace("_", "-")}', *([] if value is True else [value])]
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
    path = tmp_path / 'clip.avi'
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, SIZE)
    for step in range(3):
        video.write(draw_object((4 * step, 0)))
    video.release()
    result = predict(path, no_pictures=True)
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
