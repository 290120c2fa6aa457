"""Labels of a folder, what is written of them, and folders that cannot be labelled."""

import json

import cv2
import numpy as np
import pytest

from kpt_plugins.annotation_formats import read_annotations
from kpt_plugins.apis.autolabel import (
    autolabel,
    find_images,
    has_images_below,
    read_boxes,
    write_labels,
)
from kpt_plugins.apis.few_shot_inferencer import FewShotInferencer
from tests.helpers import coco_file, write_json
from tests.tiny_matcher import BOX, POINTS, draw_object, shifted, write_matcher


@pytest.fixture(scope='module')
def inferencer(tmp_path_factory):
    path = write_matcher(tmp_path_factory.mktemp('weights') / 'weights.pth')
    inferencer = FewShotInferencer(weights=path, device='cpu')
    inferencer.set_support(draw_object(), POINTS, names=list('abcd'), bbox=BOX, category='thing')
    return inferencer


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / 'photos'
    folder.mkdir()
    for name, shift in (('one.png', (0, 0)), ('two.png', (8, 8))):
        cv2.imwrite(str(folder / name), draw_object(shift))
    (folder / 'notes.txt').write_text('no image')
    return folder


def test_all_formats_hold_the_same_labels(inferencer, photos, tmp_path):
    boxes = {'one.png': [BOX], 'two.png': [shifted(BOX, (8, 8))]}
    labels = autolabel(inferencer, photos, boxes)
    assert not labels.failed and not labels.no_box and len(labels.cards) == 2
    assert all(result.visualization is None for result in labels.results)
    coco, sheet, *tools = write_labels(labels, tmp_path / 'out', photos)
    found = read_annotations(coco)
    assert [image.file_name for image in found.images] == ['one.png', 'two.png']
    for image, shift in zip(found.images, (0, 8), strict=True):
        (instance,) = image.instances
        assert np.abs(instance.keypoints[:, :2] - POINTS - shift).max() < 8
        assert ((instance.scores > 0) & (instance.scores <= 1)).all()
    assert 'two.png' in sheet.read_text()
    assert (tmp_path / 'out' / 'cvat.labels.json').is_file()
    assert (tmp_path / 'out' / 'label_studio.config.xml').is_file()
    for path in tools:
        other = read_annotations(path, images=photos, categories=found.categories)
        for image, same in zip(found.images, other.images, strict=True):
            assert image.file_name == same.file_name
            np.testing.assert_allclose(
                image.instances[0].keypoints, same.instances[0].keypoints, atol=0.02
            )


def test_images_that_cannot_be_read_are_named(inferencer, photos, tmp_path):
    (photos / 'bad.jpg').write_bytes(b'\xff\xd8\xff no picture')
    labels = autolabel(inferencer, photos)
    assert [result.name for result in labels.results] == ['bad.jpg', 'one.png', 'two.png']
    (message,) = labels.failed
    assert str(photos / 'bad.jpg') in message
    coco, sheet, *_ = write_labels(labels, tmp_path / 'out', photos)
    assert len(json.loads(coco.read_text())['images']) == 2
    assert '1 images without labels' in sheet.read_text()


def test_boxes_say_which_images_are_labelled(inferencer, photos):
    labels = autolabel(inferencer, photos, {'two.png': [BOX, shifted(BOX, (8, 8))]})
    assert labels.no_box == ['one.png']
    assert [card.name for card in labels.cards] == ['two.png (1)', 'two.png (2)']
    with pytest.raises(ValueError, match='none of its 2 images has a box; .* for three.png'):
        autolabel(inferencer, photos, {'three.png': [BOX]})


def test_only_images_of_the_folder_itself(inferencer, photos):
    (photos / 'clip.mp4').write_bytes(b'no video')
    assert not has_images_below(photos)
    (photos / 'below' / 'deep').mkdir(parents=True)
    (photos / 'below' / 'notes.txt').touch()
    assert not has_images_below(photos)
    (photos / 'below' / 'deep' / 'x.JPG').touch()
    assert has_images_below(photos)
    sources, no_box = find_images(photos)
    assert [source.name for source in sources] == ['one.png', 'two.png'] and not no_box
    assert [result.name for result in autolabel(inferencer, photos).results] == [
        'one.png',
        'two.png',
    ]


def test_folders_without_a_label(inferencer, photos, tmp_path):
    with pytest.raises(FileNotFoundError, match='gone: there is no such folder'):
        autolabel(inferencer, tmp_path / 'gone')
    with pytest.raises(FileNotFoundError, match='there is no such folder'):
        autolabel(inferencer, photos / 'one.png')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match='empty: the folder holds no image'):
        autolabel(inferencer, tmp_path / 'empty')
    for path in photos.iterdir():
        path.write_bytes(b'nothing')
    with pytest.raises(ValueError, match='none of its 2 images can be read; the first: .*one.png'):
        autolabel(inferencer, photos)


def test_boxes_of_a_file(tmp_path):
    content = coco_file()
    for annotation in content['annotations']:
        del annotation['keypoints']
    boxes = read_boxes(write_json(tmp_path / 'a.json', content), 'whatever', tmp_path)
    assert boxes.keys() == {'0.png', '1.png'}
    assert boxes['0.png'].tolist() == [[4, 5, 25, 16]]
    content['images'][0]['file_name'] = '/elsewhere/photos/0.png'
    (tmp_path / '0.png').touch()
    write_json(tmp_path / 'a.json', content)
    assert read_boxes(tmp_path / 'a.json', 'thing', tmp_path).keys() == {'0.png', '1.png'}
    content['categories'].append(dict(id=2, name='other', keypoints=[], skeleton=[]))
    write_json(tmp_path / 'a.json', content)
    assert len(read_boxes(tmp_path / 'a.json', 'thing', tmp_path)) == 2
    assert read_boxes(tmp_path / 'a.json', 'other', tmp_path) == {}
    with pytest.raises(ValueError, match=r"a.json: categories: thing, other, expected 'cow'"):
        read_boxes(tmp_path / 'a.json', 'cow', tmp_path)
    content['annotations'][1]['bbox'] = [1, 2]
    write_json(tmp_path / 'a.json', content)
    with pytest.raises(ValueError, match=r'a.json: annotations\[1\]: bbox: \[1, 2\], expected x'):
        read_boxes(tmp_path / 'a.json', 'thing', tmp_path)
