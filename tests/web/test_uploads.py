import cv2
import numpy as np
import pytest
from PIL import Image

from kpt_plugins.web import uploads
from kpt_plugins.web.annotation import Annotation
from kpt_plugins.web.session import Session
from kpt_plugins.web.uploads import display_name, photo_suffix, read_photo, video_suffix


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / 'photo'
    Image.new('RGB', (20, 10), (255, 0, 0)).save(path, 'PNG')
    return path


def test_photos_are_known_by_their_content(photo, tmp_path):
    assert photo_suffix(photo, 'a') == '.png'
    assert read_photo(photo, 'a')[0, 0].tolist() == [0, 0, 255]
    Image.new('RGB', (20, 10)).save(tmp_path / 'x.png', 'JPEG')
    assert photo_suffix(tmp_path / 'x.png', 'a') == '.jpg'


def test_exif_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (20, 10)).save(tmp_path / 'a.jpg', exif=exif)
    assert read_photo(tmp_path / 'a.jpg', 'a').shape == (20, 10, 3)


@pytest.mark.parametrize('content', [b'', b'text', b'\x89PNG\r\n\x1a\n', b'%!PS-Adobe', b'GIF89a'])
def test_what_is_no_photo(tmp_path, content):
    (tmp_path / 'a.png').write_bytes(content)
    with pytest.raises(ValueError, match='^holiday.png: not a photo'):
        read_photo(tmp_path / 'a.png', 'holiday.png')


def test_formats_that_are_not_wanted(tmp_path):
    Image.new('RGB', (20, 10)).save(tmp_path / 'a.png', 'TIFF')
    with pytest.raises(ValueError, match='expected JPEG, PNG, WEBP, BMP'):
        read_photo(tmp_path / 'a.png', 'a')


def test_a_photo_that_is_cut_off(tmp_path):
    noise = np.random.default_rng(0).integers(256, size=(80, 80, 3), dtype=np.uint8)
    content = cv2.imencode('.jpg', noise)[1].tobytes()
    (tmp_path / 'a.jpg').write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match='^a.jpg: '):
        read_photo(tmp_path / 'a.jpg', 'a.jpg')


def test_limits(photo, monkeypatch):
    monkeypatch.setattr(uploads, 'MAX_PHOTO_PIXELS', 199)
    with pytest.raises(ValueError, match='a: the photo is too large'):
        read_photo(photo, 'a')
    with pytest.raises(ValueError, match='a: the file has 0 MB'):
        photo_suffix(photo, 'a', max_bytes=10)


@pytest.mark.parametrize(
    ('start', 'suffix'),
    [
        (b'\0\0\0\x18ftypmp42', '.mp4'),
        (b'\x1a\x45\xdf\xa3', '.mkv'),
        (b'RIFF....AVI LIST', '.avi'),
        (b'#EXTM3U\nfile:///etc/passwd', None),
        (b'ffconcat version 1.0', None),
        (b'RIFF....WEBPVP8 ', None),
        (b'', None),
    ],
)
def test_videos_are_known_by_their_content(tmp_path, start, suffix):
    (tmp_path / 'a.mp4').write_bytes(start)
    assert video_suffix(tmp_path / 'a.mp4', 'a') == suffix


def test_names():
    assert display_name('/tmp/x/../a b.png') == 'a b.png'
    assert display_name('C:\\photos\\a.png') == 'a.png'
    assert display_name('/tmp/\x1b[2J\n.png') == '[2J.png'
    assert display_name('x/' + 'y' * 300) == 'y' * 80
    assert display_name('/') == 'file'
    assert display_name('a.png', {'a.png', 'a_2.png'}) == 'a_3.png'


def test_a_session_keeps_its_files_to_itself(photo, tmp_path):
    root = tmp_path / 'root'
    root.mkdir()
    session = Session(root)
    (tmp_path / 'list.mp4').write_bytes(b'#EXTM3U')
    problems = session.set_queries([photo, tmp_path / 'list.mp4'])
    assert len(problems) == 1 and 'list.mp4' in problems[0]
    (query,) = session.queries
    assert query.name == 'photo' and query.path.parent == session.folder
    assert query.path.name == 'query_0.png' and not photo.exists()
    session.set_queries([])
    assert not query.path.exists()
    session.close()
    assert not list(root.iterdir()) and session.annotation == Annotation()


def test_a_session_takes_some_files_only(photo, tmp_path, monkeypatch):
    monkeypatch.setattr('kpt_plugins.web.session.MAX_QUERIES', 1)
    session = Session(tmp_path)
    assert session.set_queries([photo, photo]) == ['Only the first 1 files are taken.']
