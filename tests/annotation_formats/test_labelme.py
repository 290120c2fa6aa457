import json

import numpy as np
import pytest

from kpt_plugins.annotation_formats import (
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
    labelme,
    losses,
    output_files,
    read_annotations,
    write_annotations,
)

from .sample import COW, CUP, assert_same, dump, round_trip, sample, without, write_images


def shape(label, *points, kind='point', group=None, **fields):
    return dict(
        label=label,
        points=[list(p) for p in points],
        group_id=group,
        description='',
        shape_type=kind,
        flags={},
        mask=None,
    ) | dict(fields)


def box(label, *points, group=None):
    return shape(label, *points, kind='rectangle', group=group)


def labelme_file(*shapes, **fields):
    """As labelme 5.5 saves it."""
    return dict(
        version='5.5.0',
        flags={},
        shapes=list(shapes),
        imagePath='IMG 1.jpg',
        imageData='iVBORw0KGgo=',
        imageHeight=30,
        imageWidth=40,
    ) | dict(fields)


def test_round_trip(tmp_path):
    expected = without(sample(), 'scores')
    found = round_trip(sample(), tmp_path, 'labelme', categories=[COW, CUP])
    assert_same(found, expected)
    bare = read_annotations(tmp_path)  # the order is that of the first instance
    assert bare.categories[0].keypoint_names == ['nose', 'right ear', 'Schwanzspitze ü', 'left ear']
    assert any('order' in loss for loss in losses(sample(), 'labelme'))
    assert tmp_path / 'stall 1/süd/c.json' in output_files(sample(), tmp_path, 'labelme')


def test_file_of_others(tmp_path):
    polygon = shape('grass', (1, 1), (2, 2), (3, 1), kind='polygon')
    points = [shape('tip', (3.5, 4), group=2), shape('end', (9, 9), group=2)]
    found = read_annotations(
        dump(
            tmp_path / 'a.json',
            labelme_file(polygon, *points, box('leaf', (9, 1), (2, 9), group=2)),
        )
    )
    assert found.categories == [KeypointCategory('leaf', ['tip', 'end'])]
    [image] = found.images
    assert (image.file_name, image.width, image.height) == ('IMG 1.jpg', 40, 30)
    assert image.instances[0].bbox == (2, 1, 7, 8)
    np.testing.assert_allclose(image.instances[0].keypoints, [[3.5, 4, 2], [9, 9, 2]])


def test_points_without_group_belong_to_the_box_around_them(tmp_path):
    shapes = [box('leaf', (0, 0), (9, 9)), box('leaf', (20, 0), (29, 9))]
    shapes += [shape('tip', (25, 5)), shape('tip', (5, 5))]
    [image] = read_annotations(dump(tmp_path / 'a.json', labelme_file(*shapes))).images
    assert [i.keypoints[0, 0] for i in image.instances] == [5, 25]
    shapes.append(shape('end', (15, 5)))
    with pytest.raises(ValueError, match=r"'end' at \(15, 5\) is in no group and in 0 boxes"):
        read_annotations(dump(tmp_path / 'a.json', labelme_file(*shapes)))


def test_points_alone_are_one_instance(tmp_path):
    path = dump(tmp_path / 'a.json', labelme_file(shape('b', (1, 2)), shape('a', (3, 4))))
    assert read_annotations(path).categories == [KeypointCategory('object', ['b', 'a'])]
    given = [KeypointCategory('mouse', ['a', 'b', 'c'], [(0, 1)]), KeypointCategory('rat', ['a'])]
    found = read_annotations(path, categories=given)
    assert found.categories == given
    [instance] = found.images[0].instances
    assert instance.category == 'mouse'
    np.testing.assert_allclose(instance.keypoints, [[3, 4, 2], [1, 2, 2], [0, 0, 0]])


def test_image_paths(tmp_path):
    write_images(tmp_path / 'images')
    dump(tmp_path / 'ann/x/1.json', labelme_file(imagePath='..\\..\\images\\stall 1\\b.png'))
    dump(tmp_path / 'ann/2.json', labelme_file(imagePath='/home/me/images/a.png'))
    found = read_annotations(tmp_path / 'ann', images=tmp_path / 'images')
    assert sorted(i.file_name for i in found.images) == ['a.png', 'stall 1/b.png']
    with pytest.raises(ValueError, match='2.json: imagePath.*leads out'):
        read_annotations(tmp_path / 'ann')
    (tmp_path / 'ann/2.json').unlink()
    with pytest.raises(ValueError, match='1.json: imagePath.*leads out'):
        read_annotations(tmp_path / 'ann')
    assert read_annotations(tmp_path, 'labelme').images[0].file_name == 'images/stall 1/b.png'


def test_unknown_keypoint(tmp_path):
    path = dump(
        tmp_path / 'a.json', labelme_file(shape('nsoe', (1, 2)), box('cow', (0, 0), (9, 9)))
    )
    with pytest.raises(ValueError, match=r"a.json.*'cow'.*unknown keypoints \['nsoe'\].*'nose'"):
        read_annotations(path, categories=[COW])


@pytest.mark.parametrize(
    'data, message',
    [
        (labelme_file(shape('a', (1, 2), (3, 4))), r'shapes\[0\]: points.*1 of them'),
        (labelme_file(shape('a', (1, 2, 3))), r'shapes\[0\]: points.*x and y'),
        (labelme_file(shape('a', ('1', 2))), r"shapes\[0\]: points: '1'"),
        (labelme_file(box('a', (1, 2), (1, 4))), 'rectangle with a size'),
        (labelme_file(shape('', (1, 2))), r'shapes\[0\]: label'),
        (labelme_file(shape('a', (1, 2), group=[])), 'group_id'),
        (labelme_file(shape('a', (1, 2)), shape('a', (1, 2))), r"\['a'\] twice"),
        (labelme_file(box('a', (1, 2), (3, 4), group=1), box('a', (1, 2), (3, 4), group=1)), 'two'),
        (labelme_file(imageWidth='40'), 'imageWidth'),
        (labelme_file(shapes={}), 'shapes: {}, expected a list'),
        ({'shapes': []}, 'imagePath is missing'),
    ],
)
def test_wrong_fields(tmp_path, data, message):
    with pytest.raises(ValueError, match=message) as error:
        read_annotations(dump(tmp_path / 'a.json', data))
    assert 'a.json' in str(error.value)


def test_shapes_that_are_left_out_are_said(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(labelme, 'print_log', lambda message, *_: said.append(message))
    polygon = dict(shape('a', (1, 2), (3, 4), (5, 6)), shape_type='polygon')
    path = dump(tmp_path / 'a.json', labelme_file(shape('a', (1, 2)), polygon, polygon))
    read_annotations(path)
    assert said == [f'{path}: shapes are left out: 2 polygon']


def test_two_images_of_one_json(tmp_path):
    given = AnnotationSet([CUP], [AnnotatedImage(f'a.{s}', 9, 9) for s in ('png', 'jpg')])
    with pytest.raises(ValueError, match='suffix only'):
        write_annotations(given, tmp_path, 'labelme')


def test_hidden_is_a_flag(tmp_path):
    instance = KeypointInstance('чашка', [[1, 2, 1], [3, 4, 2], [0, 0, 0]])
    given = AnnotationSet([CUP], [AnnotatedImage('a.png', 9, 9, [instance])])
    write_annotations(given, tmp_path, 'labelme')
    shapes = json.loads((tmp_path / 'a.json').read_text(encoding='utf-8'))['shapes']
    assert [s['flags'] for s in shapes] == [{}, {'hidden': True}, {}]
    assert shapes[0]['points'] == [[1, 2], [3, 4]]
