"""Supports out of files, and categories saved and loaded."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image

from kpt_plugins.annotation_formats import (
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
    write_annotations,
)
from kpt_plugins.apis.model_loading import build_dataset
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.apis.support_files import (
    read_supports,
    save_supports,
    supports_from_annotations,
)
from kpt_plugins.apis.support_set import SupportSet
from tests.apis.test_model_loading import TINY
from tests.helpers import coco_file, write_coco, write_json

POINTS = [[5, 6], [50, 8], [52, 30]]


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(256, size=(40, 60, 3), dtype=np.uint8)


def write_sidecars(folder, image, **contents):
    """``NAME.png`` with ``NAME.json`` for each name."""
    for name, content in contents.items():
        cv2.imwrite(str(folder / f'{name}.png'), image)
        write_json(folder / f'{name}.json', content)
    return folder


class TestSavedCategory:
    @pytest.fixture
    def saved(self, tmp_path, image):
        support = SupportSet.from_arrays(
            [image, image[:20]],
            [POINTS, [[5, 6], [np.nan] * 2, [7, 8]]],
            names=['Auge', 'Öhr', 'x'],
            bbox=[[1, 2, 55, 39], None],
            flip_pairs=[[0, 1]],
            category='Fäden',
        )
        save_supports(support, tmp_path / 'category')
        return support, tmp_path / 'category'

    def test_is_the_same_when_loaded(self, saved):
        support, folder = saved
        loaded = read_supports(folder)
        assert loaded.category == support.category
        for one, other in zip(loaded.supports, support.supports, strict=True):
            np.testing.assert_array_equal(one.image, other.image)
            np.testing.assert_array_equal(one.keypoints, other.keypoints)
            np.testing.assert_array_equal(one.bbox, other.bbox)

    def test_is_plain_text_and_pictures(self, saved):
        names = sorted(path.name for path in saved[1].iterdir())
        assert names == ['category.json', 'support_1.png', 'support_2.png']
        json.loads((saved[1] / 'category.json').read_text())

    @pytest.mark.parametrize(
        ('change', 'message'),
        [
            (dict(version=2), 'version: 2, expected 1'),
            (dict(supports=3), 'supports: int, expected a list'),
            (dict(supports=[]), 'no support'),
            (dict(supports=[3]), r'supports\[0\]: int, expected an object'),
            (dict(supports=[dict(image='support_1.png')]), r'supports\[0\]: keypoints missing'),
            (dict(names=None), 'names: None, expected a list'),
            (
                dict(names=['a'], skeleton=[], flip_pairs=[]),
                r'supports\[0\]: 3 keypoints, but category',
            ),
            (dict(skeleton=[[0, 7]]), r'category.json: .*skeleton has \[0, 7\]'),
            (dict(skeleton='abc'), 'category.json: '),
            (dict(flip_pairs=[3]), 'category.json: '),
        ],
    )
    def test_mistakes(self, saved, change, message):
        path = saved[1] / 'category.json'
        write_json(path, json.loads(path.read_text()) | change)
        with pytest.raises(ValueError, match=message):
            read_supports(saved[1])

    @pytest.mark.parametrize(
        'name', ['../secret.png', '/etc/passwd', '..\\secret.png', 'a/../../x']
    )
    def test_images_lie_in_its_folder(self, saved, name):
        path = saved[1] / 'category.json'
        content = json.loads(path.read_text())
        content['supports'][0]['image'] = name
        write_json(path, content)
        with pytest.raises(ValueError, match='leads out of the folder'):
            read_supports(saved[1])

    def test_no_json(self, saved):
        (saved[1] / 'category.json').write_text('{"version": 1,')
        with pytest.raises(ValueError, match='category.json: not valid JSON at line 1'):
            read_supports(saved[1])


class TestSidecars:
    def test_read(self, tmp_path, image):
        first = dict(keypoints=POINTS, bbox=[1, 2, 55, 39], names=list('abc'), skeleton=[[0, 1]])
        second = dict(keypoints=[[1, 2, 0], [3, 4, 1], [5, 6, 2]])
        folder = write_sidecars(tmp_path, image, b=second, a=first)
        cv2.imwrite(str(folder / 'query.png'), image)
        support = read_supports(folder, 'fish')
        assert support.category == KeypointCategory('fish', list('abc'), [(0, 1)])
        one, other = support.supports
        assert one.bbox.tolist() == [1, 2, 55, 39] and other.bbox.tolist() == [0, 0, 60, 40]
        assert other.visible.tolist() == [False, True, True]
        assert len(read_supports(folder, num_shots=1).supports) == 1
        assert read_supports(folder).category.name == folder.name

    @pytest.mark.parametrize(
        ('content', 'message'),
        [
            (dict(keypoints=POINTS[:2]), 'b.json: 2 keypoints, but category .* has 3'),
            (
                dict(keypoints=POINTS, names=list('abd')),
                r"b.json: names: .*expected \['a', 'b'",
            ),
            (dict(keypoints=3), r'b.json: keypoints: expected a list of \[x, y\]'),
            (dict(keypoints=[[99, 9]] * 3), r'b.json: keypoint 0 at \(99, 9\)'),
            (dict(keypoints=POINTS, bbox='x'), 'b.json: bbox x'),
        ],
    )
    def test_mistakes(self, tmp_path, image, content, message):
        first = dict(keypoints=POINTS, names=list('abc'))
        folder = write_sidecars(tmp_path, image, a=first, b=content)
        with pytest.raises(ValueError, match=message):
            read_supports(folder)

    def test_names_for_other_keypoints(self, tmp_path, image):
        folder = write_sidecars(tmp_path, image, a=dict(keypoints=POINTS, names=['a']))
        with pytest.raises(ValueError, match='a.json: names: 1 for 3 keypoints'):
            read_supports(folder)


class TestAnnotations:
    def test_coco_gives_what_the_dataset_gives(self, tiny_mp100, monkeypatch):
        """Points, boxes and links, whatever the links count from."""
        monkeypatch.setenv('KPT_DATA_ROOT', str(tiny_mp100.parent))
        dataset = build_dataset(load_config(TINY), 'test').dataset
        names = [c.name for c in dataset.categories.values()]
        for category_id, category in dataset.categories.items():
            if names.count(category.name) > 1 or category.name == 'face':
                continue  # without links: those of a few supports are another tree
            support = read_supports(dataset.ann_file, category.name, tiny_mp100 / 'images', None, 3)
            assert len(support.supports) == 3
            np.testing.assert_array_equal(support.category.skeleton, category.skeleton)
            for one, index in zip(support.supports, dataset.indices_of(category_id), strict=False):
                record = dataset.get_data_info(int(index))
                assert record['img_path'].endswith(one.name)
                np.testing.assert_allclose(one.bbox, record['bbox'][0], rtol=1e-6)
                visible = record['keypoints_visible'][0] > 0
                np.testing.assert_array_equal(one.visible, visible)
                np.testing.assert_allclose(
                    one.keypoints[visible, :2], record['keypoints'][0][visible], rtol=1e-6
                )

    def test_images_beside_the_file(self, tmp_path):
        path = write_coco(tmp_path, coco_file())
        support = read_supports(path, images=tmp_path / 'images')
        assert support.category.name == 'thing' and len(support.supports) == 2
        (tmp_path / 'images' / 'ann.json').write_text(path.read_text())
        assert len(read_supports(tmp_path / 'images' / 'ann.json').supports) == 2

    @pytest.fixture
    def annotations(self):
        return AnnotationSet(
            [KeypointCategory('cow', ['a', 'b']), KeypointCategory('pig', ['a'])],
            [
                AnnotatedImage('none.png', instances=[KeypointInstance('cow', np.zeros((2, 3)))]),
                AnnotatedImage(
                    'x.png',
                    60,
                    40,
                    [KeypointInstance('cow', [[5, 6, 2], [7, 8, 1]], (3, 4, 10, 20))] * 2,
                ),
            ],
        )

    def test_instances_without_a_keypoint_are_left_out(self, annotations, tmp_path, image):
        cv2.imwrite(str(tmp_path / 'x.png'), image)
        support = supports_from_annotations(annotations, tmp_path, 'cow')
        assert [s.bbox.tolist() for s in support.supports] == [[3, 4, 12, 23]] * 2
        assert len(supports_from_annotations(annotations, tmp_path, 'cow', 1).supports) == 1

    @pytest.mark.parametrize(
        ('category', 'message'),
        [
            (None, 'several categories, expected the name of one of cow, pig'),
            ('horse', "no category 'horse', expected the name of one of cow, pig"),
            ('pig', "no instance of category 'pig' has a keypoint"),
        ],
    )
    def test_category(self, annotations, tmp_path, category, message):
        with pytest.raises(ValueError, match=f'x.json: {message}'):
            supports_from_annotations(annotations, tmp_path, category, where='x.json')

    def test_image_of_another_size(self, annotations, tmp_path, image):
        """Annotated as stored, not upright."""
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(image).save(tmp_path / 'x.png', exif=exif)
        with pytest.raises(ValueError, match='x.png has 40 x 60 pixels .* annotated as 60 x 40'):
            supports_from_annotations(annotations, tmp_path, 'cow')

    def test_missing_and_foreign_images(self, annotations, tmp_path):
        with pytest.raises(FileNotFoundError, match='x.png'):
            supports_from_annotations(annotations, tmp_path, 'cow')
        annotations.images[1].file_name = '../x.png'
        with pytest.raises(ValueError, match='leads out of the folder'):
            supports_from_annotations(annotations, tmp_path, 'cow')

    def test_box_outside(self, annotations, tmp_path, image):
        cv2.imwrite(str(tmp_path / 'x.png'), image)
        annotations.images[1].instances[0].bbox = (70, 5, 10, 10)
        with pytest.raises(ValueError, match=r'x.png: bbox \[70, 5, 10, 10\] lies outside'):
            supports_from_annotations(annotations, tmp_path, 'cow')

    def test_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='gone.json: there is no such file'):
            read_supports(tmp_path / 'gone.json')

    def test_a_folder_of_labelme_files(self, annotations, tmp_path, image):
        cv2.imwrite(str(tmp_path / 'x.png'), image)
        annotations.images = annotations.images[1:]
        annotations.images[0].instances = annotations.images[0].instances[:1]
        write_annotations(annotations, tmp_path, 'labelme', tmp_path)
        support = read_supports(tmp_path, 'cow')
        (one,) = support.supports
        assert support.category.keypoint_names == ['a', 'b']
        np.testing.assert_allclose(one.keypoints[:, :2], [[5, 6], [7, 8]])


def test_a_bad_sidecar_is_blamed_itself(tmp_path, image):
    points = [[1, 2], [3, 4]]
    bad, good = (dict(keypoints=points, skeleton=[link]) for link in ([0, 9], [0, 1]))
    write_sidecars(tmp_path, image, a=bad, b=good)
    with pytest.raises(ValueError, match=r'a\.json: .*9'):
        read_supports(tmp_path)


def test_sidecars_that_differ_are_both_named(tmp_path, image):
    one, other = (
        dict(keypoints=[[1, 2], [3, 4], [5, 6]], skeleton=[link]) for link in ([0, 1], [1, 2])
    )
    write_sidecars(tmp_path, image, a=one, b=other)
    with pytest.raises(ValueError, match=r'b\.json: skeleton: .*expected .* as in .*a\.json'):
        read_supports(tmp_path)


def test_the_category_of_sidecars(tmp_path, image):
    write_sidecars(tmp_path, image, a=dict(keypoints=[[1, 2], [3, 4]], category='deer'))
    assert read_supports(tmp_path).category.name == 'deer'
    assert read_supports(tmp_path, category='elk').category.name == 'elk'
    write_sidecars(tmp_path, image, a=dict(keypoints=[[1, 2], [3, 4]]))
    assert read_supports(tmp_path).category.name == tmp_path.name


@pytest.mark.parametrize(
    'points, message', [([], 'keypoints: there is none'), ([['a', 1]], 'keypoints: .*all numbers')]
)
def test_points_that_are_none(tmp_path, image, points, message):
    write_sidecars(tmp_path, image, a=dict(keypoints=points))
    with pytest.raises(ValueError, match=rf'a\.json: {message}'):
        read_supports(tmp_path)


def test_sidecar_without_keypoints_is_named(tmp_path, image):
    write_sidecars(tmp_path, image, a=dict(keypoints=POINTS), b=dict(Keypoints=POINTS))
    with pytest.raises(ValueError, match=r'b.json: keypoints: missing.*it has Keypoints'):
        read_supports(tmp_path)
    write_json(tmp_path / 'b.json', dict(keypoints=POINTS, skeleton=[[0.5, 1]]))
    with pytest.raises(ValueError, match=r'b.json: .*skeleton has \[0.5, 1\], expected'):
        read_supports(tmp_path)


def test_folder_without_supports_says_what_they_could_be(tmp_path, image):
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    with pytest.raises(ValueError, match='NAME.json beside them, or category.json'):
        read_supports(tmp_path)


def test_images_elsewhere(tmp_path, image):
    annotations = AnnotationSet(
        [KeypointCategory('cow', ['a', 'b', 'c'])],
        [AnnotatedImage('x.png', 60, 40, [KeypointInstance('cow', np.c_[POINTS, [2, 2, 2]])])],
    )
    write_annotations(annotations, tmp_path / 'coco.json', 'coco')
    (tmp_path / 'photos').mkdir()
    cv2.imwrite(str(tmp_path / 'photos' / 'x.png'), image)
    with pytest.raises(
        FileNotFoundError, match=r'x.png: there is no such.*--support-images, image_dir='
    ):
        read_supports(tmp_path / 'coco.json')
    support = read_supports(tmp_path / 'coco.json', images=tmp_path / 'photos')
    np.testing.assert_array_equal(support.supports[0].keypoints[:, :2], POINTS)


def test_a_broken_file_of_a_folder_is_not_blamed_on_sidecars(tmp_path, image):
    write_sidecars(tmp_path, image, a=dict(shapes='none'))
    with pytest.raises(ValueError, match='a.json') as error:
        read_supports(tmp_path)
    assert 'NAME.json' not in str(error.value)
