"""Where results are written: always in the folder, each in a file of its own."""

import json

import cv2
import numpy as np
import pytest

from kpt_plugins.apis.inference_results import ImageResult
from kpt_plugins.apis.output_files import OutputFolder, ResultWriter, require_empty, require_folder
from tests.apis.test_inference_results import CATEGORY, instance


def test_folders_of_inferencers(tmp_path):
    (tmp_path / 'file').touch()
    for option in ('vis_out_dir', 'pred_out_dir'):
        with pytest.raises(FileExistsError, match='file: a file, expected a folder'):
            ResultWriter(**{option: tmp_path / 'file'})


def test_folders_for_results(tmp_path, monkeypatch):
    (tmp_path / 'file').write_text('')
    require_folder(tmp_path)
    require_empty(tmp_path / 'new' / 'deep', force=False)
    with pytest.raises(FileExistsError, match='is not empty, it has file; '):
        require_empty(tmp_path, force=False)
    require_empty(tmp_path, force=True)
    for path in (tmp_path / 'file', tmp_path / 'file' / 'deep' / 'out'):
        with pytest.raises(FileExistsError, match='file: a file, expected a folder'):
            require_empty(path, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ['file']
    monkeypatch.setattr('os.access', lambda path, mode: False)
    with pytest.raises(PermissionError, match=f'{tmp_path}: you may not write'):
        require_folder(tmp_path / 'new')


@pytest.mark.parametrize(
    'name',
    [
        '../../etc/passwd',
        '/etc/passwd',
        '..\\..\\x.png',
        'C:\\x.png',
        'a/../../../b.jpg',
        '..',
        '.',
        '',
        '/',
        '.bashrc',
        '.../....//x.jpg',
        'a\0b.jpg',
        'a\nb.jpg',
        '$(rm -rf x).jpg',
        'x;`y`|z&.png',
        '~/x.png',
        'a' * 5000,
        'CON:.png',
        '<script>.jpg',
    ],
)
def test_names_never_leave_the_folder(tmp_path, name):
    folder = tmp_path / 'out'
    path = OutputFolder(folder).new_path(name, '.jpg')
    assert path.parent == folder and path.resolve().parent == folder.resolve()
    path.write_text('x')  # a name that the file system takes
    assert [p.name for p in folder.iterdir()] == [path.name]
    assert not path.name.startswith('.') and not set('\0\n$`;|&<>:') & set(path.name)


def test_names_are_kept_and_told_apart(tmp_path):
    folder = OutputFolder(tmp_path)
    names = ['a.b.jpg', 'sub/a.b.png', 'A.B.jpg', 'Kühe 1.jpg', 'a.b_2.jpg']
    found = [folder.new_path(name, '.json').name for name in names]
    assert found == ['a.b.json', 'a.b_2.json', 'A.B_3.json', 'Kühe 1.json', 'a.b_2_2.json']


def write(writer, name, frame=None, size=(60, 40), error=None):
    drawing = np.full((*size[::-1], 3), 99, np.uint8)
    result = ImageResult(name, CATEGORY, *size, [instance()], frame, error, drawing)
    writer.write(result, None if frame is None else 12.0)


def test_images(tmp_path):
    with ResultWriter(tmp_path / 'vis', tmp_path / 'pred') as writer:
        write(writer, '../x.png')
        write(writer, 'bad.png', error='cut short')
    assert cv2.imread(str(tmp_path / 'vis' / 'x.jpg')).shape == (40, 60, 3)
    (content,) = json.loads((tmp_path / 'pred' / 'x.json').read_text())
    assert content.keys() == {'keypoints', 'keypoint_scores', 'bbox', 'bbox_score'}
    assert len(list(tmp_path.rglob('*.*'))) == 2


def test_videos_follow_each_other(tmp_path):
    with ResultWriter(tmp_path, tmp_path) as writer:
        for name, size in (('a.mp4', (60, 40)), ('b.mp4', (32, 32)), ('b.mp4', (32, 32))):
            for frame in range(3):
                write(writer, name, frame, size)
        write(writer, 'c.png')
    for name, width in (('a', 60), ('b', 32), ('b_2', 32)):
        video = cv2.VideoCapture(str(tmp_path / f'{name}.mp4'))
        assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 3
        assert video.get(cv2.CAP_PROP_FRAME_WIDTH) == width and video.get(cv2.CAP_PROP_FPS) == 12
        frames = json.loads((tmp_path / f'{name}.json').read_text())
        assert [frame['frame_id'] for frame in frames] == [0, 1, 2] and frames[0]['instances']


def test_nothing_is_written_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ResultWriter() as writer:
        write(writer, 'x.png')
        write(writer, 'a.mp4', 0)
    assert not list(tmp_path.iterdir())
