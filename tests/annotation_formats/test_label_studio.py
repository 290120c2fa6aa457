import json
from xml.etree import ElementTree

import numpy as np
import pytest

from kpt_plugins.annotation_formats import (
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
    read_annotations,
    write_annotations,
)

from .sample import COW, CUP, assert_same, dump, round_trip, sample, write_images


def point(label, x, y, **fields):
    return region(f'id {label}', 'keypointlabels', dict(x=x, y=y, width=0.3), label, **fields)


def box(label, x, y, width, height, rotation=0, **fields):
    value = dict(x=x, y=y, width=width, height=height, rotation=rotation)
    return region(f'id {label}', 'rectanglelabels', value, label, **fields)


def region(identity, kind, value, label, **fields):
    return dict(
        original_width=200,
        original_height=100,
        image_rotation=0,
        value=value | {kind: [label]},
        id=identity,
        from_name='kp-1',
        to_name='img-1',
        type=kind,
        origin='manual',
    ) | dict(fields)


def task(*result, image='/data/local-files/?d=farm/a%20b.jpg', **fields):
    """As Label Studio 1.x exports it."""
    annotation = dict(id=3, completed_by=1, result=list(result), was_cancelled=False)
    annotation |= dict(ground_truth=False, lead_time=7.5, result_count=1, parent_prediction=None)
    return dict(
        id=1,
        annotations=[annotation],
        file_upload='x.jpg',
        drafts=[],
        predictions=[],
        data=dict(image=image),
        meta={},
        inner_id=1,
        total_annotations=1,
        project=2,
    ) | dict(fields)


def read(tmp_path, *tasks, **kwargs):
    return read_annotations(dump(tmp_path / 'a.json', list(tasks)), **kwargs)


def with_empty_image_unsized(annotations):
    annotations.images[2].width = annotations.images[2].height = None
    return annotations


def test_round_trip(tmp_path):
    found = round_trip(sample(), tmp_path / 'a.json', 'label-studio', categories=[COW, CUP])
    assert_same(found, with_empty_image_unsized(sample()))


def test_round_trip_with_folder_of_images(tmp_path):
    images = write_images(tmp_path / 'my photos')
    path = tmp_path / 'out' / 'a.json'
    found = round_trip(sample(), path, 'label-studio', categories=[COW, CUP], images=images)
    assert_same(found, with_empty_image_unsized(sample()))
    addresses = [t['data']['image'] for t in json.loads(path.read_text(encoding='utf-8'))]
    assert addresses[1] == '/data/local-files/?d=my%20photos/stall%201/b.png'


def test_predictions_have_scores_and_annotations_none(tmp_path):
    write_annotations(sample(), tmp_path / 'a.json', 'label-studio')
    first, second, third = json.loads((tmp_path / 'a.json').read_text(encoding='utf-8'))
    [prediction] = first['predictions']
    assert prediction['score'] == pytest.approx((0.9 + 0.5 + 1) / 3) and 'annotations' not in first
    points = [r for r in prediction['result'] if r['type'] == 'keypointlabels']
    assert [r['score'] for r in points] == [0.9, 0.5, 1] and points[0]['parentID'] == '1'
    assert points[0]['value']['x'] == pytest.approx(10.5 / 64 * 100)
    assert len(second['annotations'][0]['result']) == 9 and 'predictions' not in second
    assert third['annotations'] == [{'result': []}]


def test_labeling_interface(tmp_path):
    write_annotations(sample(), tmp_path / 'a.json', 'label-studio')
    view = ElementTree.parse(tmp_path / 'a.config.xml').getroot()
    controls = {e.get('name') for e in view} - {None}
    tasks = json.loads((tmp_path / 'a.json').read_text(encoding='utf-8'))
    used = {r['from_name'] for t in tasks for a in t.get('annotations', t.get('predictions'))
            for r in a['result']}  # fmt: skip
    assert used <= controls and view.find('Image').get('value') == '$image'
    labels = [e.get('value') for e in view.find('KeyPointLabels')]
    assert labels == COW.keypoint_names + CUP.keypoint_names


def test_file_of_others(tmp_path):
    result = [
        point('head', 10, 20, parentID='id cow'),
        dict(type='relation', from_id='a', to_id='b', direction='right'),
        box('cow', 5, 10, 50, 80),
        region('id head', 'choices', dict(x=10, y=20, width=0.3, choices=['hidden']), 'hidden'),
        point('tail', 100.2, 50),
    ]
    found = read(tmp_path, task(*result, image='/data/local-files/?d=farm/a%20b.jpg'))
    assert found.categories == [KeypointCategory('cow', ['head', 'tail'])]
    [image] = found.images
    assert (image.file_name, image.width, image.height) == ('farm/a b.jpg', 200, 100)
    np.testing.assert_allclose(image.instances[0].keypoints, [[20, 20, 1], [200.4, 50, 2]])
    np.testing.assert_allclose(image.instances[0].bbox, (10, 10, 100, 80))


def test_turned_box(tmp_path):
    [image] = read(tmp_path, task(point('a', 1, 1), box('x', 50, 50, 10, 10, rotation=90))).images
    np.testing.assert_allclose(image.instances[0].bbox, (90, 50, 10, 20))


def test_which_annotation_counts(tmp_path):
    def answer(x, **fields):
        return dict(result=[point('a', x, 1)], **fields)

    def x_of(**fields):
        [image] = read(tmp_path, task(**fields)).images
        return [i.keypoints[0, 0] for i in image.instances]

    assert x_of(annotations=[answer(1), answer(2)]) == [4]
    assert x_of(annotations=[answer(1, ground_truth=True), answer(2)]) == [2]
    assert x_of(annotations=[answer(1), answer(2, was_cancelled=True)]) == [2]
    assert x_of(annotations=[], predictions=[answer(1), answer(5)]) == [10]
    assert x_of(annotations=[]) == []


@pytest.mark.parametrize(
    'address, name',
    [
        ('http://localhost:8080/data/local-files/?d=photos/a.png', 'a.png'),
        ('/data/upload/3/0a1b2c3d-a.png', 'a.png'),
        ('/data/upload/3/0a1b2c3d-other.png', 'other.png'),
        ('s3://bucket/photos/stall%201/b.png', 'stall 1/b.png'),
        ('https://host/x/a.png?token=1', 'a.png'),
        ('stall 1/b.png', 'stall 1/b.png'),
    ],
)
def test_addresses(tmp_path, address, name):
    images = write_images(tmp_path / 'images')
    assert read(tmp_path, task(image=address), images=images).images[0].file_name == name


@pytest.mark.parametrize(
    'address',
    [
        '/data/local-files/?d=../../etc/passwd',
        '/etc/passwd',
        'https://host/../..',
        '',
        'http://[x/',
    ],
)
def test_addresses_that_lead_out(tmp_path, address):
    with pytest.raises(ValueError, match='a.json'):
        read(tmp_path, task(image=address))


@pytest.mark.parametrize(
    'result, message',
    [
        (point('a', 102, 5), r'tasks\[0\]: result\[0\]: x: 102, expected 0 to 100'),
        (point('a', '5', 5), r"result\[0\]: x: '5'"),
        (point('a', 5, 5, original_width=None), 'original_width: None'),
        (point('a', 5, 5, image_rotation=90), 'image_rotation: 90'),
        (point('a', 5, 5) | dict(value=dict(x=1, y=2)), 'keypointlabels is missing'),
        (point('a', 5, 5) | dict(value=dict(x=1, y=2, keypointlabels=['a', 'b'])), 'one label'),
        (point('a', 5, 5, score='high'), "score: 'high'"),
        (dict(type='keypoint', value=dict(x=1, y=2)), 'expected the region with its label'),
        (box('a', 5, 5, 0, 3), 'width, height'),
        ('x', r"result\[0\]: 'x', expected an object"),
    ],
)
def test_wrong_regions(tmp_path, result, message):
    with pytest.raises(ValueError, match=message) as error:
        read(tmp_path, task(result))
    assert 'a.json' in str(error.value)


def test_other_exports(tmp_path):
    minimal = [dict(image='/data/upload/1/a.jpg', id=1, kp=[dict(x=1, y=2)])]
    with pytest.raises(ValueError, match='not recognised.*label-studio'):
        read_annotations(dump(tmp_path / 'a.json', minimal))
    with pytest.raises(ValueError, match=r'tasks\[0\]: data is missing'):
        read_annotations(tmp_path / 'a.json', 'label-studio')
    with pytest.raises(ValueError, match='occurs twice'):
        read(tmp_path, task(), task())


def test_outside_the_image(tmp_path):
    instance = KeypointInstance('чашка', [[-5, 2, 2], [3, 4, 2], [0, 0, 0]], (-5, 0, 10, 20))
    given = AnnotationSet([CUP], [AnnotatedImage('a.png', 9, 9, [instance])])
    [found] = round_trip(given, tmp_path / 'a.json', 'label-studio', categories=[CUP]).images
    np.testing.assert_allclose(found.instances[0].bbox, (0, 0, 5, 9))
    np.testing.assert_allclose(found.instances[0].keypoints, [[0, 0, 0], [3, 4, 2], [0, 0, 0]])


def test_what_a_human_submits_is_sure(tmp_path):
    """Regions that were predictions keep their scores in Label Studio's exports."""
    scored = [point('nose', 10, 20, score=0.1), point('tail', 60, 50)]
    submitted = read(tmp_path, task(*scored))
    assert submitted.images[0].instances[0].scores is None
    prediction = task(annotations=[], predictions=[dict(result=scored, score=0.1)])
    (instance,) = read(tmp_path, prediction).images[0].instances
    np.testing.assert_array_equal(instance.scores, [0.1, 1])  # one that no model set is sure
