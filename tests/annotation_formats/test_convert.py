import numpy as np
import pytest

from kpt_plugins.annotation_formats import (
    FORMATS,
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
    losses,
    output_files,
    read_annotations,
    write_annotations,
)
from kpt_plugins.annotation_formats.conform import conform
from kpt_plugins.annotation_formats.detect import TRIED

from .sample import COW, CUP, assert_same, dump, round_trip, sample

PLAIN = AnnotationSet([KeypointCategory('x', ['a', 'b'])], [AnnotatedImage('v/1.png', 9, 9)])


def one(keypoints, names, category='x'):
    instance = KeypointInstance(category, keypoints, scores=[0.5] * len(names))
    image = AnnotatedImage('1.png', instances=[instance])
    return AnnotationSet([KeypointCategory(category, names)], [image])


def test_every_format_is_recognised_by_something():
    assert set(TRIED) == set(FORMATS)


@pytest.mark.parametrize('name', ['x.txt', 'x.json', 'x'])
def test_what_was_tried(tmp_path, name):
    (tmp_path / name).write_text('"text"')
    with pytest.raises(ValueError, match='not recognised') as error:
        read_annotations(tmp_path / name)
    assert all(f'{format}: ' in str(error.value) for format in FORMATS)


def test_empty_folder_and_missing_file(tmp_path):
    with pytest.raises(ValueError, match='not recognised'):
        read_annotations(tmp_path)
    with pytest.raises(FileNotFoundError, match='nothing.json'):
        read_annotations(tmp_path / 'nothing.json')


def test_unknown_format(tmp_path):
    dump(tmp_path / 'a.json', {})
    for call in (
        lambda: read_annotations(tmp_path / 'a.json', 'pdf'),
        lambda: write_annotations(PLAIN, tmp_path / 'a', 'pdf'),
        lambda: losses(PLAIN, 'pdf'),
    ):
        with pytest.raises(ValueError, match="'pdf': expected one of coco, cvat"):
            call()


@pytest.mark.parametrize('format', FORMATS)
@pytest.mark.parametrize('name', ['../x.png', '/x.png', 'a/../../x.png'])
def test_no_file_is_written_outside(tmp_path, format, name):
    given = AnnotationSet(PLAIN.categories, [AnnotatedImage(name, 9, 9)])
    with pytest.raises(ValueError, match='leads out'):
        write_annotations(given, tmp_path / 'in' / 'a.slp', format)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('format', FORMATS)
def test_the_files_that_are_written_are_those_that_are_announced(tmp_path, format):
    if format in ('deeplabcut-h5', 'sleap'):
        pytest.importorskip(dict(sleap='sleap_io').get(format, 'tables'))
    path = tmp_path / 'new' / 'a.slp'
    write_annotations(PLAIN, path, format)
    written = {p for p in (tmp_path / 'new').rglob('*') if p.is_file()}
    assert written == set(output_files(PLAIN, path, format))


def test_plain_annotations_lose_nothing_that_matters():
    assert losses(PLAIN, 'coco') == [] and losses(PLAIN, 'cvat') == []
    assert losses(PLAIN, 'sleap') == ['sizes of the images']


def test_chain_of_tools(tmp_path):
    """From tool to tool and back: nothing but what was said to be lost is."""
    first = round_trip(sample(), tmp_path / 'a.json', 'coco')
    second = round_trip(first, tmp_path / 'a.xml', 'cvat')
    third = round_trip(second, tmp_path / 'labelme', 'labelme', categories=[COW, CUP])
    fourth = round_trip(third, tmp_path / 'b.json', 'label-studio', categories=[COW, CUP])
    expected = sample()
    expected.images[0].instances[0].scores = None
    expected.images[2].width = expected.images[2].height = None
    assert_same(fourth, expected, atol=1e-3)


def test_conform_reorders_and_fills():
    found = conform(
        one([[1, 2, 2], [3, 4, 1]], ['b', 'a']), [KeypointCategory('y', ['a', 'c', 'b'])]
    )
    [instance] = found.images[0].instances
    np.testing.assert_array_equal(instance.keypoints, [[3, 4, 1], [0, 0, 0], [1, 2, 2]])
    np.testing.assert_array_equal(instance.scores, [0.5, 0, 0.5])


def test_conform_names_what_has_no_names():
    found = conform(one([[1, 2, 2], [3, 4, 1]], ['keypoint_0', 'keypoint_1']), PLAIN.categories)
    np.testing.assert_array_equal(found.images[0].instances[0].keypoints, [[1, 2, 2], [3, 4, 1]])


@pytest.mark.parametrize(
    'names, categories, message',
    [
        (['a', 'z'], [('x', 'ab')], r"'x': unknown keypoints \['z'\]"),
        (['a', 'z'], [('y', 'ab')], 'it fits 0'),
        (['a', 'b'], [('y', 'ab'), ('z', 'abc')], 'it fits 2'),
        (['keypoint_0', 'keypoint_1'], [('x', 'abc')], "unknown keypoints .*'keypoint_0'"),
    ],
)
def test_conform_refuses(names, categories, message):
    with pytest.raises(ValueError, match=message):
        given = [KeypointCategory(name, list(keypoints)) for name, keypoints in categories]
        conform(one([[1, 2, 2], [3, 4, 1]], names), given)
