"""Images out of anything: right, or refused with a reason."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from kpt_plugins.annotation_formats.image_files import read_size
from kpt_plugins.apis import inference_inputs
from kpt_plugins.apis.inference_inputs import distinct_sources, find_sources, load_image


@pytest.fixture
def picture():
    """Left half blue, right half red, in BGR; 6 x 4 pixels."""
    image = np.zeros((4, 6, 3), np.uint8)
    image[:, :3, 0] = image[:, 3:, 2] = 255
    return image


def write_video(path, num_frames=10, size=(64, 48)):
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 20, size)
    rng = np.random.default_rng(0)
    for _ in range(num_frames):
        video.write(rng.integers(256, size=(*size[::-1], 3), dtype=np.uint8))
    video.release()
    return path


class TestLoadImage:
    @pytest.mark.parametrize('mode', ['RGB', 'RGBA', 'L', 'I;16', 'P', 'CMYK', '1'])
    def test_every_kind_becomes_three_channels_of_8_bits(self, tmp_path, picture, mode):
        rgb = Image.fromarray(picture[..., ::-1])
        if mode == 'I;16':
            image = Image.fromarray(np.full((4, 6), 40_000, np.uint16))
        else:
            image = rgb.convert(mode)
        path = tmp_path / ('x.tif' if mode == 'CMYK' else 'x.png')
        image.save(path)
        found = load_image(path)
        assert found.shape == (4, 6, 3) and found.dtype == np.uint8
        if mode in ('RGB', 'RGBA', 'P'):
            np.testing.assert_array_equal(found, picture)
        if mode == 'I;16':
            assert (found == 40_000 >> 8).all()

    def test_turned_by_exif(self, tmp_path, picture):
        path, exif = tmp_path / 'x.png', Image.Exif()
        exif[0x0112] = 6  # to be turned clockwise
        Image.fromarray(picture[..., ::-1]).save(path, exif=exif)
        np.testing.assert_array_equal(load_image(path), np.rot90(picture, -1))

    @pytest.mark.parametrize('turned', range(1, 9))
    @pytest.mark.parametrize('suffix', ['jpg', 'png', 'tif', 'webp'])
    def test_every_format_is_turned_alike(self, tmp_path, turned, suffix):
        image = np.kron(
            np.random.default_rng(0).integers(256, size=(3, 4, 3)), np.ones((32, 32, 1))
        )
        path, exif = tmp_path / f'x.{suffix}', Image.Exif()
        exif[0x0112] = turned
        options = dict(lossless=True) if suffix == 'webp' else {}
        Image.fromarray(image.astype(np.uint8)).save(path, exif=exif, **options)
        with Image.open(path) as stored:
            expected = np.asarray(ImageOps.exif_transpose(stored))[..., ::-1]
        found = load_image(path)
        assert found.shape[1::-1] == read_size(path)
        assert np.abs(found.astype(int) - expected).mean() < 2

    def test_arrays(self, picture):
        np.testing.assert_array_equal(load_image(picture), picture)
        np.testing.assert_array_equal(load_image(np.dstack([picture, picture[..., 0]])), picture)
        grey = picture[..., 0]
        for array in (grey, grey[..., None]):
            found = load_image(array)
            assert found.shape == (4, 6, 3) and (found == grey[..., None]).all()
        np.testing.assert_array_equal(load_image(picture.astype(np.uint16) * 256), picture)
        assert load_image(picture[:, ::-1]).flags.c_contiguous

    @pytest.mark.parametrize(
        ('array', 'message'),
        [
            (np.zeros((2, 2, 3)), 'array of float64, expected uint8'),
            (np.zeros((2, 2, 3), bool), 'array of bool'),
            (np.zeros((2, 2, 2), np.uint8), r'shape \(2, 2, 2\)'),
            (np.zeros((3, 2, 2, 3), np.uint8), r'shape \(3, 2, 2, 3\)'),
            (np.zeros((0, 5, 3), np.uint8), r'shape \(0, 5, 3\)'),
            (np.zeros(5, np.uint8), r'shape \(5,\)'),
        ],
    )
    def test_arrays_that_are_no_images(self, array, message):
        with pytest.raises(ValueError, match=f'query 3: an {message}|query 3: .*{message}'):
            load_image(array, 'query 3')

    def test_other_types(self):
        with pytest.raises(TypeError, match='query 3: list, expected a path'):
            load_image([[1, 2]], 'query 3')

    @pytest.mark.parametrize('suffix', ['jpg', 'png'])
    def test_cut_short(self, tmp_path, suffix):
        path = tmp_path / f'x.{suffix}'
        noise = np.random.default_rng(0).integers(256, size=(60, 60, 3), dtype=np.uint8)
        cv2.imwrite(str(path), noise)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(ValueError, match=f'x.{suffix}: cannot be decoded'):
            load_image(path)

    @pytest.mark.parametrize('content', [b'', b'text', b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff' * 9])
    def test_no_image(self, tmp_path, content):
        path = tmp_path / 'x.png'
        path.write_bytes(content)
        with pytest.raises(ValueError, match='x.png: '):
            load_image(path)
        with pytest.raises(FileNotFoundError, match='y.png'):
            load_image(tmp_path / 'y.png')
        with pytest.raises(FileNotFoundError, match='there is no such image'):
            load_image(tmp_path)

    @pytest.mark.parametrize('size', [(20_000, 20_000), (12_000, 10_000)])
    def test_a_small_file_of_a_huge_image_is_not_decoded(self, tmp_path, monkeypatch, size):
        path = tmp_path / 'x.png'
        Image.new('1', size).save(path)
        monkeypatch.setattr(inference_inputs, 'read_image', None)
        with pytest.raises(ValueError, match='x.png: .*expected at most 100 million pixels'):
            load_image(path)

    def test_long_sides(self, tmp_path):
        path = tmp_path / 'x.png'
        Image.new('1', (20_000, 3)).save(path)
        assert load_image(path).shape == (3, 20_000, 3)
        Image.new('1', (40_000, 3)).save(path)
        with pytest.raises(ValueError, match='40000 x 3 pixels, expected at most .* 32766'):
            load_image(path)


class TestFindSources:
    def test_a_folder_has_its_images_in_order(self, tmp_path, picture):
        for name in ('b.png', 'A.JPG', 'c.tiff'):
            cv2.imwrite(str(tmp_path / name), picture)
        (tmp_path / 'notes.txt').write_text('')
        (tmp_path / 'clip.MP4').write_text('')
        (tmp_path / 'more').mkdir()
        found = find_sources(tmp_path)
        assert [s.name for s in found] == ['A.JPG', 'b.png', 'c.tiff', 'clip.MP4']
        assert [s.is_video for s in found] == [False, False, False, True]
        assert find_sources([found[1], *found[2:]]) == found[1:]
        with pytest.raises(FileNotFoundError, match='the folder holds no image or video'):
            find_sources(tmp_path / 'more')

    def test_patterns(self, tmp_path, picture):
        for name in ('a.png', 'more/b.png', 'more/c.txt'):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / f'{name}.png'), picture)
        found = find_sources(f'{tmp_path}/**/*')
        assert [s.data.name for s in found] == ['a.png.png', 'b.png.png', 'c.txt.png']
        with pytest.raises(FileNotFoundError, match='no image or video matches'):
            find_sources(f'{tmp_path}/*.gif')

    def test_a_file_whose_name_is_a_pattern(self, tmp_path, picture):
        cv2.imwrite(str(tmp_path / 'a[1].png'), picture)
        assert [s.data.name for s in find_sources(str(tmp_path / 'a[1].png'))] == ['a[1].png']

    def test_lists(self, tmp_path, picture):
        cv2.imwrite(str(tmp_path / 'a.png'), picture)
        found = find_sources([picture, tmp_path, str(tmp_path / 'gone.png'), picture])
        assert [s.name for s in found][0::3] == ['000000', '000003']
        with pytest.raises(FileNotFoundError, match='gone.png'):
            list(found[2].frames())

    @pytest.mark.parametrize(
        ('inputs', 'error', 'message'),
        [
            ('gone.png', FileNotFoundError, 'gone.png'),
            ([], ValueError, 'the list is empty'),
            (3, TypeError, 'int, expected a path'),
            ([None], TypeError, 'NoneType, expected a path'),
            ('webcam:x', ValueError, "'webcam:x', expected 'webcam'"),
        ],
    )
    def test_mistakes(self, inputs, error, message):
        with pytest.raises(error, match=message):
            find_sources(inputs)


class TestDistinctSources:
    @pytest.fixture
    def folder(self, tmp_path, picture, monkeypatch):
        for name in ('a/x.png', 'a/y.png', 'b/x.png', 'b/deep/z.png'):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(tmp_path / name), picture)
        monkeypatch.chdir(tmp_path)
        return tmp_path

    @pytest.mark.parametrize(
        ('inputs', 'names'),
        [
            (['a'], ['x.png', 'y.png']),
            (['a/y.png'], ['y.png']),
            (['a', 'b'], ['a/x.png', 'a/y.png', 'b/x.png']),
            (['a/y.png', 'a', './b/../a/x.png'], ['y.png', 'x.png']),
            (['b/**/*.png'], ['deep/z.png', 'x.png']),
            (['webcam', 'a/x.png', 'webcam:0'], ['webcam_0', 'x.png']),
            (['webcam:1'], ['webcam_1']),
        ],
    )
    def test_names(self, folder, inputs, names):
        assert [source.name for source in distinct_sources(inputs)] == names

    def test_one_file_by_several_paths(self, folder):
        (folder / 'link').symlink_to(folder / 'a')
        found = distinct_sources(['a', folder / 'a', 'link', 'b/x.png'])
        assert [source.name for source in found] == ['a/x.png', 'a/y.png', 'b/x.png']

    def test_missing_files(self, folder):
        with pytest.raises(FileNotFoundError, match='gone.png: there is no such image'):
            distinct_sources(['gone.png'])
        *_, missing = distinct_sources(['a', 'gone.png'])  # found when it is read
        with pytest.raises(FileNotFoundError, match='gone.png'):
            list(missing.frames())


class TestVideos:
    def test_frames(self, tmp_path):
        (source,) = find_sources(write_video(tmp_path / 'x.avi'))
        frames = list(source.frames())
        assert source.is_video and [frame.index for frame in frames] == list(range(10))
        assert {frame.fps for frame in frames} == {20} and frames[0].image.shape == (48, 64, 3)

    def test_cut_short(self, tmp_path):
        path = write_video(tmp_path / 'x.avi', 30)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        frames = []
        with pytest.raises(ValueError, match=r'x.avi: .*(ends after \d+ frames|not a video)'):
            for frame in find_sources(path)[0].frames():
                frames.append(frame)
        assert len(frames) < 30

    def test_no_video(self, tmp_path):
        path = tmp_path / 'x.mp4'
        path.write_bytes(b'no video' * 100)
        with pytest.raises(ValueError, match='x.mp4: not a video'):
            list(find_sources(path)[0].frames())
        with pytest.raises(FileNotFoundError, match='y.mp4'):
            list(find_sources([tmp_path / 'y.mp4'])[0].frames())

    def test_camera(self, monkeypatch):
        class Camera:
            def __init__(self, number):
                self.left = 3 if number == 1 else 0

            def get(self, key):
                return 0.0

            def read(self):
                self.left -= 1
                return self.left >= 0, np.zeros((4, 6, 3), np.uint8)

            def release(self):
                pass

        monkeypatch.setattr(inference_inputs.cv2, 'VideoCapture', Camera)
        (source,) = find_sources('webcam:1')
        frames = list(source.frames())
        assert [f.name for f in frames] == ['webcam_1'] * 3 and frames[0].fps == 25
        with pytest.raises(ValueError, match='webcam_0: the camera gives no picture'):
            list(find_sources('webcam')[0].frames())


@pytest.mark.skipif(os.sep != '/', reason='other systems have no such names')
@pytest.mark.parametrize(
    'name', [b'caf\xe9.png', b'a:b.png', b'a\\b.png', b'x\x01.png', b'caf\xe9.avi']
)
def test_names_that_no_annotation_file_can_hold(tmp_path, name):
    good = cv2.imencode('.png', np.zeros((4, 6, 3), np.uint8))[1].tobytes()
    Path(tmp_path, os.fsdecode(name)).write_bytes(good)
    (source,) = find_sources(tmp_path)
    with pytest.raises(ValueError, match='rename the file') as error:
        list(source.frames())
    str(error.value).encode()  # can be printed, written and logged
