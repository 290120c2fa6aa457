import builtins
import pickle

import numpy as np
import pytest

from kpt_plugins.annotation_formats import (
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
    losses,
    read_annotations,
    write_annotations,
)

from .sample import COW, assert_same, round_trip, sample, without, write_images

SINGLE = """\
scorer,,,me,me,me,me
bodyparts,,,left_ear,left_ear,tail,tail
coords,,,x,y,x,y
labeled-data,mouse 1,img020.png,,,300.579,506.171
labeled-data,mouse 1,img099.png,280.598,521.695,330.612,495.885
labeled-data,mouse 1,img104.png,,,,
"""
OLD = """\
scorer,me,me,me,me
bodyparts,left_ear,left_ear,tail,tail
coords,x,y,x,y
labeled-data/mouse 1/img020.png,nan,nan,300.579,506.171
labeled-data\\mouse 1\\img099.png,280.598,521.695,330.612,495.885
"""
MULTI = """\
scorer,,,me,me,me,me,me,me,me,me,me,me
individuals,,,m1,m1,m1,m1,m2,m2,m2,m2,single,single
bodyparts,,,ear,ear,tail,tail,ear,ear,tail,tail,lamp,lamp
coords,,,x,y,x,y,x,y,x,y,x,y
labeled-data,v,1.png,1,2,3,4,5,6,,,9,10
labeled-data,v,2.png,,,,,5,6,7,8,,
"""


def one_category():
    """The cows of the sample, two of them in one image, without what DeepLabCut does not hold."""
    bare = without(sample(), 'skeleton', 'flip pairs', 'boxes', 'hidden', 'scores', 'sizes')
    images = [
        AnnotatedImage(i.file_name, instances=[x for x in i.instances if x.category == 'cow'])
        for i in bare.images
    ]
    images[0].file_name = 'stall 2/a.png'
    images[0].instances += images[1].instances
    return AnnotationSet(bare.categories[:1], images)


def read_csv(tmp_path, text, **kwargs):
    path = tmp_path / 'CollectedData_me.csv'
    path.write_text(text, encoding='utf-8')
    return read_annotations(path, **kwargs)


@pytest.fixture(params=['csv', 'h5'])
def format(request):
    if request.param == 'h5':
        for name in ('h5py', 'pandas', 'tables'):
            pytest.importorskip(name)
    return dict(csv='deeplabcut', h5='deeplabcut-h5')[request.param], request.param


def test_round_trip(tmp_path, format):
    given = one_category()
    path = tmp_path / f'CollectedData_me.{format[1]}'
    assert_same(round_trip(given, path, format[0], categories=given.categories), given)
    assert read_annotations(path).categories[0].name == 'object'
    given.images[0].instances.pop()  # one animal an image: the header has no individuals
    assert_same(round_trip(given, path, format[0], categories=given.categories), given)
    assert any('hidden' in loss for loss in losses(sample(), format[0]))


def test_images_without_a_folder(tmp_path, format):
    images = write_images(tmp_path / 'labeled-data' / 'cows')
    given = one_category()
    given.images = [AnnotatedImage('a.png', instances=given.images[0].instances)]
    path = images / f'CollectedData_me.{format[1]}'
    write_annotations(given, path, format[0])
    assert read_annotations(path).images[0].file_name == 'cows/a.png'
    assert read_annotations(path, images=images).images[0].file_name == 'a.png'
    assert any('names of 1 images' in loss for loss in losses(given, format[0]))
    given.images.append(AnnotatedImage('cows/a.png'))
    with pytest.raises(ValueError, match='cows/'):
        write_annotations(given, path, format[0])


def test_several_categories_cannot_be_written(tmp_path, format):
    with pytest.raises(ValueError, match='cow.*чашка'):
        write_annotations(sample(), tmp_path / f'a.{format[1]}', format[0])


@pytest.mark.parametrize('text', [SINGLE, OLD])
def test_one_animal(tmp_path, text):
    found = read_csv(tmp_path, text)
    assert found.categories == [KeypointCategory('object', ['left_ear', 'tail'])]
    assert [i.file_name for i in found.images[:2]] == ['mouse 1/img020.png', 'mouse 1/img099.png']
    [instance] = found.images[0].instances
    np.testing.assert_allclose(instance.keypoints, [[0, 0, 0], [300.579, 506.171, 2]])
    assert all(not image.instances for image in found.images[2:])


def test_several_animals_and_unique_body_parts(tmp_path):
    found = read_csv(tmp_path, MULTI)
    assert found.categories == [
        KeypointCategory('object', ['ear', 'tail']),
        KeypointCategory('single', ['lamp']),
    ]
    first, second = found.images
    assert [i.category for i in first.instances] == ['object', 'object', 'single']
    np.testing.assert_allclose(first.instances[1].keypoints, [[5, 6, 2], [0, 0, 0]])
    np.testing.assert_allclose(second.instances[0].keypoints, [[5, 6, 2], [7, 8, 2]])


def test_likelihood_is_the_score(tmp_path):
    header = 'scorer,,,me,me,me\nbodyparts,,,a,a,a\ncoords,,,x,y,likelihood\n'
    text = header + 'labeled-data,v,1.png,1,2,.5\n'
    assert read_csv(tmp_path, text).images[0].instances[0].scores == [0.5]


def test_links_come_from_known_categories(tmp_path):
    known = [KeypointCategory('mouse', ['tail', 'left_ear'], [(0, 1)])]
    found = read_csv(tmp_path, SINGLE, categories=known)
    assert found.categories == known
    np.testing.assert_allclose(found.images[0].instances[0].keypoints[0], [300.579, 506.171, 2])


@pytest.mark.parametrize(
    'old, new, message',
    [
        ('bodyparts', 'bodypart', "header: the rows .*'scorer', 'coords'"),
        ('coords,,,x,y,x,y', 'coords,,,x,y,x,z', "tail z.*'likelihood'"),
        ('coords,,,x,y,x,y', 'coords,,,x,y,y,y', 'twice|columns x and y'),
        ('left_ear,left_ear', 'tail,tail', 'tail x.*twice'),
        ('left_ear,left_ear', ',', 'empty entry'),
        ('506.171', 'abc', "img020.png: 'abc', expected a finite number"),
        ('506.171', 'inf', 'img020.png.*finite'),
        ('506.171', '506,171', 'row 4: 8 cells, expected 7'),
        ('labeled-data,mouse 1', '..,secret', r'image.*leads out'),
        ('img020.png', 'img099.png', 'img099.png occurs twice'),
    ],
)
def test_wrong_csv(tmp_path, old, new, message):
    with pytest.raises(ValueError, match=message) as error:
        read_csv(tmp_path, SINGLE.replace(old, new))
    assert 'CollectedData_me.csv' in str(error.value)


def test_individuals_that_differ(tmp_path):
    with pytest.raises(ValueError, match=r"'m2'.*\['ear', 'toe'\].*\['ear', 'tail'\]"):
        text = MULTI.replace('ear,ear,tail,tail,lamp', 'ear,ear,toe,toe,lamp')
        read_csv(tmp_path, text)


def write_h5(path):
    for name in ('h5py', 'pandas', 'tables'):
        pytest.importorskip(name)
    write_annotations(one_category(), path, 'deeplabcut-h5')
    return path


def test_pandas_reads_what_is_written(tmp_path):
    path = write_h5(tmp_path / 'CollectedData_me.h5')
    write_annotations(one_category(), tmp_path / 'CollectedData_me.csv', 'deeplabcut')
    import pandas

    frame = pandas.read_hdf(path)
    table = pandas.read_csv(path.with_suffix('.csv'), index_col=[0, 1, 2], header=[0, 1, 2, 3])
    assert frame.columns.names == ['scorer', 'individuals', 'bodyparts', 'coords']
    assert list(frame.columns) == list(table.columns) and list(frame.index) == list(table.index)
    np.testing.assert_array_equal(frame.to_numpy(), table.to_numpy())
    assert frame.index[1] == ('labeled-data', 'stall 1', 'b.png')


class _Attack:
    """A pickle that runs a program when it is loaded."""

    def __reduce__(self):
        return builtins.exec, ('raise SystemExit("unpickled")',)


def test_nothing_is_unpickled(tmp_path):
    path = write_h5(tmp_path / 'a.h5')
    import h5py

    attack = np.bytes_(pickle.dumps(_Attack(), protocol=0))
    with h5py.File(path, 'r+') as file:
        group = file['df_with_missing']
        for node in (group, *group.values()):  # what pandas and PyTables would load at once
            for key in ('name', 'kind', 'TITLE', 'FLAVOR', 'title', 'encoding', 'errors'):
                node.attrs[key] = attack
    assert len(read_annotations(path).images) == 3
    with h5py.File(path, 'r+') as file:
        group = file['df_with_missing']
        del group['axis1_level2']
        objects = group.create_dataset('axis1_level2', (3,), h5py.vlen_dtype(np.uint8))
        objects[0] = np.frombuffer(pickle.dumps(_Attack()), np.uint8)
    with pytest.raises(ValueError, match='axis1_level2.*unpickling'):
        read_annotations(path)


def test_layout_table_is_refused(tmp_path):
    path = write_h5(tmp_path / 'a.h5')
    import pandas

    pandas.DataFrame({'x': [1.0]}).to_hdf(path, key='df_with_missing', mode='w', format='table')
    with pytest.raises(ValueError, match='a.h5.*pickle.*CSV'):
        read_annotations(path)


def _delete(name):
    return lambda group: group.__delitem__(name)


def _set(name, value):
    def change(group):
        del group[name]
        group[name] = value

    return change


def _link(group):
    import h5py

    del group['block0_values']
    group['block0_values'] = h5py.ExternalLink('/etc/passwd', 'x')


@pytest.mark.parametrize(
    'change',
    [
        _delete('block0_values'),
        _delete('axis1_label0'),
        _set('block0_values', np.zeros((2, 2))),
        _set('block0_values', 'text'),
        _set('axis1_label2', [0, 1, 99]),
        _set('axis1_label2', [0, 1, -1]),
        _set('axis1_label2', [[0, 1, 2]]),
        _set('axis1_level0', 3),
        _set('block0_items_level1', [b'\xff'] * 9),
        lambda group: group.attrs.__setitem__('axis1_nlevels', 'many'),
        lambda group: group.attrs.__setitem__('axis1_nlevels', -1),
        lambda group: group.attrs.__setitem__('axis1_variety', b'regular'),
        lambda group: group.attrs.__setitem__('block0_items_nlevels', 2),
        lambda group: group.attrs.__setitem__('nblocks', 2),
        lambda group: group.attrs.__delitem__('pandas_type'),
        _link,
    ],
)
def test_wrong_h5(tmp_path, change):
    path = write_h5(tmp_path / 'a.h5')
    import h5py

    with h5py.File(path, 'r+') as file:
        change(file['df_with_missing'])
    with pytest.raises(ValueError, match='a.h5'):
        read_annotations(path)


def test_broken_h5(tmp_path):
    path = write_h5(tmp_path / 'a.h5')
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match='a.h5.*not a data frame'):
        read_annotations(path)


def test_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__('sys').modules, 'pandas', None)
    monkeypatch.setitem(__import__('sys').modules, 'h5py', None)
    (tmp_path / 'a.h5').write_bytes(b'\x89HDF')
    with pytest.raises(ImportError, match=r"h5py.*pip install 'kpt_plugins\[formats\]'"):
        read_annotations(tmp_path / 'a.h5')
    with pytest.raises(ImportError, match='pandas.*formats'):
        write_annotations(one_category(), tmp_path / 'b.h5', 'deeplabcut-h5')


def test_no_category(tmp_path):
    with pytest.raises(ValueError, match='no category'):
        write_annotations(AnnotationSet([]), tmp_path / 'a.csv', 'deeplabcut')


def test_nothing_annotated(tmp_path):
    given = AnnotationSet([COW], [AnnotatedImage('v/1.png')])
    given.images[0].instances.append(KeypointInstance('cow', np.zeros((4, 3)), (1, 2, 3, 4)))
    [image] = round_trip(given, tmp_path / 'a.csv', 'deeplabcut').images
    assert image.instances == []
    assert any('1 of 1 instances' in loss for loss in losses(given, 'deeplabcut'))
