import pytest
from PIL import Image

from kpt_plugins.annotation_formats.image_files import read_size, relative_name

from .sample import write_images


@pytest.mark.parametrize('suffix', ['jpg', 'png', 'webp', 'tif'])
@pytest.mark.parametrize('orientation, size', [(1, (30, 20)), (3, (30, 20)), (6, (20, 30))])
def test_sizes_are_upright(tmp_path, suffix, orientation, size):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new('RGB', (30, 20)).save(tmp_path / f'a.{suffix}', exif=exif)
    assert read_size(tmp_path / f'a.{suffix}') == size


def test_only_the_header_is_read(tmp_path):
    Image.new('RGB', (300, 200), 'red').save(tmp_path / 'a.png')
    content = (tmp_path / 'a.png').read_bytes()
    (tmp_path / 'b.png').write_bytes(content[:60])
    assert read_size(tmp_path / 'b.png') == (300, 200)


@pytest.mark.filterwarnings('ignore:Corrupt EXIF')
def test_broken_exif_is_none(tmp_path):
    Image.new('RGB', (30, 20)).save(tmp_path / 'a.jpg', exif=b'Exif\0\0MM\0*garbage')
    assert read_size(tmp_path / 'a.jpg') == (30, 20)


def test_no_image(tmp_path):
    (tmp_path / 'a.jpg').write_text('text')
    with pytest.raises(ValueError, match='a.jpg'):
        read_size(tmp_path / 'a.jpg')
    with pytest.raises(FileNotFoundError, match='b.jpg'):
        read_size(tmp_path / 'b.jpg')


def test_attack_by_size(tmp_path, monkeypatch):
    Image.new('1', (300, 200)).save(tmp_path / 'a.png')
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 100)
    with pytest.raises(ValueError, match='a.png.*60000 pixels'):
        read_size(tmp_path / 'a.png')


@pytest.mark.parametrize(
    'name, expected',
    [
        ('stall 1/b.png', 'stall 1/b.png'),
        ('.\\stall 1\\b.png', 'stall 1/b.png'),
        ('project/images/stall 1//b.png', 'stall 1/b.png'),
        ('/home/me/stall 1/b.png', 'stall 1/b.png'),
        ('D:\\data\\a.png', 'a.png'),
        ('../photos/a.png', 'a.png'),
        ('elsewhere/z.png', 'elsewhere/z.png'),
    ],
)
def test_names_are_found_in_the_folder(tmp_path, name, expected):
    assert relative_name(name, write_images(tmp_path), 'x') == expected


@pytest.mark.parametrize('name', ['/etc/passwd', '../../secret.png', '..', '/', '', 'a\0', 'C:x'])
def test_names_that_lead_out(tmp_path, name):
    (tmp_path / 'secret.png').write_text('')
    for images in (None, write_images(tmp_path / 'in' / 'images')):
        with pytest.raises(ValueError, match='field'):
            relative_name(name, images, 'field')


@pytest.mark.parametrize('name', ['a\0.png', 'a\x1b.png', 'caf\udce9.png'])
def test_names_that_are_no_text(name):
    with pytest.raises(ValueError, match='x: .*expected the path of an image file'):
        relative_name(name, None, 'x')
