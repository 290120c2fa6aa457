import cv2
import numpy as np
import pytest

from kpt_plugins.datasets.occluder_cutouts import (
    CutoutFolder,
    paste,
    procedural_cutouts,
    read_cutout,
)
from kpt_plugins.synthesis.occluders import textured_occluders


def write(path, height=20, width=30, alpha=255, channels=4):
    picture = np.full((height, width, 4), (10, 20, 30, alpha), np.uint8)
    picture[0, 0, 3] = 0  # WebP drops an alpha channel that says nothing
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture[..., :channels])
    return path


def test_all_images_of_a_folder_in_order(tmp_path):
    for name in ('b.png', 'a/z.PNG', 'c.webp'):
        write(tmp_path / name)
    (tmp_path / 'LICENSE.txt').write_text('free')
    folder = CutoutFolder(tmp_path)
    assert [path.name for path in folder.paths] == ['z.PNG', 'b.png', 'c.webp']
    assert len(folder) == 3
    assert all(folder[index].shape[2] == 4 for index in range(3))


def test_colour_order_and_cropping(tmp_path):
    picture = np.zeros((50, 60, 4), np.uint8)
    picture[10:20, 15:45] = (10, 20, 30, 255)
    cv2.imwrite(str(tmp_path / 'a.png'), picture)
    result = read_cutout(tmp_path / 'a.png')
    assert result.shape == (14, 34, 4)
    assert result[5, 5].tolist() == [10, 20, 30, 255]
    assert not result[:2, :, 3].any() and not result[:, -2:, 3].any()


def test_a_rectangle_is_said_to_be_one(tmp_path, monkeypatch):
    said = []
    name = 'kpt_plugins.datasets.occluder_cutouts.print_log'
    monkeypatch.setattr(name, lambda text, *_: said.append(text))
    read_cutout(write(tmp_path / 'a.png'))
    assert said == []
    cv2.imwrite(str(tmp_path / 'b.png'), np.full((9, 9, 4), 255, np.uint8))
    read_cutout(tmp_path / 'b.png')
    assert said == [f'occluder {tmp_path / "b.png"} is nowhere transparent: it will be a rectangle']


def test_large_cut_outs_are_made_smaller(tmp_path):
    assert max(read_cutout(write(tmp_path / 'a.png', 1000, 500)).shape) == 320


def test_the_colour_of_transparent_pixels_does_not_show(tmp_path):
    picture = np.zeros((900, 900, 4), np.uint8)
    picture[..., 2] = 255
    picture[101:800, 101:800] = 255
    cv2.imwrite(str(tmp_path / 'a.png'), picture)
    result = read_cutout(tmp_path / 'a.png')
    assert (result[..., 2] == result[..., 0]).all()
    image, covered = np.zeros((60, 60, 3), np.uint8), np.zeros((60, 60), bool)
    paste(image, covered, result, np.array([[0.12, 0.03, 9.3], [-0.03, 0.12, 14.6]]))
    assert (image[..., 2] == image[..., 0]).all() and image.max() == 255


def test_procedural_ones_are_drawn_once():
    pictures = procedural_cutouts(0)
    assert procedural_cutouts(0) is pictures and len(pictures) == 48
    for straight, picture in zip(textured_occluders(0), pictures, strict=True):
        alpha = straight[..., 3:] / 255
        np.testing.assert_allclose(picture[..., :3], straight[..., :3] * alpha, atol=0.51)
        np.testing.assert_array_equal(picture[..., 3], straight[..., 3])


def test_grey_and_palette_images_with_transparency(tmp_path):
    from PIL import Image

    grey = Image.new('LA', (9, 9), (100, 255))
    grey.save(tmp_path / 'grey.png')
    palette = Image.new('P', (9, 9), 1)
    palette.putpalette([0, 0, 0, 200, 100, 50])
    palette.save(tmp_path / 'palette.png', transparency=0)
    folder = CutoutFolder(tmp_path)
    assert folder[0][5, 5].tolist() == [100, 100, 100, 255]
    assert folder[1][5, 5].tolist() == [50, 100, 200, 255]


def test_errors_name_the_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='missing.: there is no such folder'):
        CutoutFolder(tmp_path / 'missing')
    (tmp_path / 'notes.txt').touch()
    with pytest.raises(FileNotFoundError, match='no image in it; expected RGBA'):
        CutoutFolder(tmp_path)
    write(tmp_path / 'flat' / 'a.jpg', channels=3)
    with pytest.raises(ValueError, match=r'a\.jpg has no alpha channel .its mode is RGB'):
        CutoutFolder(tmp_path / 'flat')
    (tmp_path / 'bad').mkdir()
    (tmp_path / 'bad' / 'b.png').write_bytes(b'no image')
    with pytest.raises(ValueError, match=r'b\.png cannot be read as an image'):
        CutoutFolder(tmp_path / 'bad')
    path = write(tmp_path / 'clear' / 'c.png', alpha=90)
    with pytest.raises(ValueError, match=r'c\.png is wholly transparent'):
        CutoutFolder(path.parent)[0]
    whole = write(tmp_path / 'cut' / 'd.png', 200, 200).read_bytes()
    (tmp_path / 'cut' / 'd.png').write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r'd\.png cannot be decoded'):
        CutoutFolder(tmp_path / 'cut')[0]


def test_paste_mixes_by_coverage():
    image = np.full((10, 12, 3), 100, np.uint8)
    covered = np.zeros((10, 12), bool)
    picture = np.zeros((3, 4, 4), np.uint8)
    picture[1, 1] = (200, 50, 0, 255)
    picture[1, 2] = (80, 20, 0, 102)  # premultiplied
    paste(image, covered, picture, np.array([[1.0, 0, 5], [0, 1, 2]]))
    assert image[3, 6].tolist() == [200, 50, 0]
    assert np.abs(image[3, 7].astype(int) - (140, 80, 60)).max() <= 1
    assert np.argwhere(covered).tolist() == [[3, 6]]
    image[3, 6:8] = 100
    assert (image == 100).all()


@pytest.mark.parametrize('scale', [2.0, 1.0, 0.5, 0.11])
@pytest.mark.parametrize('angle', [0.0, 0.7])
def test_paste_puts_the_picture_where_the_matrix_says(scale, angle):
    """Centre and area of a square, at sizes with and without shrinking first."""
    picture = np.zeros((100, 140, 4), np.uint8)
    picture[10:90, 50:130] = 255
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([89.5, 49.5])
    matrix = np.column_stack([turn, np.array([150.2, 140.7]) - turn @ middle])
    image, covered = np.zeros((300, 300, 3), np.float32), np.zeros((300, 300), bool)
    paste(image, covered, picture, matrix)
    rows, columns = np.nonzero(covered)
    assert covered.sum() == pytest.approx((80 * scale) ** 2, rel=0.06)
    weight = image[..., 0] / image[..., 0].sum()
    center = [(weight * grid).sum() for grid in np.mgrid[:300, :300][::-1]]
    np.testing.assert_allclose(center, (150.2, 140.7), atol=0.15)
    assert image[rows, columns].min() > 120


def test_paste_outside_and_across_the_border():
    image, covered = np.full((20, 20, 3), 7, np.uint8), np.zeros((20, 20), bool)
    picture = np.full((10, 10, 4), 255, np.uint8)
    for shift in ((-30, 5), (5, 40)):
        paste(image, covered, picture, np.array([[1.0, 0, shift[0]], [0, 1, shift[1]]]))
    assert (image == 7).all() and not covered.any()
    paste(image, covered, picture, np.array([[1.0, 0, -4], [0, 1, 15]]))
    assert covered[15:, :6].all() and covered.sum() == 30
