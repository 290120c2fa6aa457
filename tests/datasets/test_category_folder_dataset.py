import json
import shutil

import numpy as np
import pytest

from kpt_plugins.datasets import CategoryFolderDataset
from tests.datasets.weak_shot_data import pair_dataset
from tests.helpers import coco_file, write_coco


@pytest.fixture
def folders(tmp_path):
    """Three images of 'cat', two of 'elk' (one of them deeper), a labelled 'ape', an empty one."""
    content = coco_file(num_images=4)
    for number, image in enumerate(content['images']):
        image['file_name'] = f'ape/{number}.png'
    write_coco(tmp_path, content)
    for name in ('cat/a.png', 'cat/b.PNG', 'cat/c.png', 'elk/x.png', 'elk/more/y.png'):
        (tmp_path / 'images' / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tmp_path / 'images/ape/0.png', tmp_path / 'images' / name)
    (tmp_path / 'images/empty').mkdir()
    (tmp_path / 'images/cat/notes.txt').write_text('no image')
    return tmp_path


def test_records(folders):
    dataset = CategoryFolderDataset(str(folders), labelled_ann_file='ann.json')
    assert {i: c.name for i, c in dataset.categories.items()} == {2: 'cat', 3: 'elk'}
    assert dataset.indices_of(2).tolist() == [0, 1, 2]
    assert dataset.indices_of(3).tolist() == [3, 4]
    record = dataset.get_data_info(3)
    assert record['img_id'] == 'elk/more/y.png' and record['category_id'] == 3
    np.testing.assert_array_equal(record['bbox'], [[0, 0, 39, 29]])
    assert not any('keypoint' in key for key in record)


def test_chosen_folders_and_first_id(folders):
    dataset = CategoryFolderDataset(str(folders), classes=['elk', 'ape'], first_id=40)
    assert {i: c.name for i, c in dataset.categories.items()} == {40: 'ape', 41: 'elk'}
    everything = CategoryFolderDataset(str(folders))
    assert [c.name for c in everything.categories.values()] == ['ape', 'cat', 'elk']


def test_pairs_of_labelled_and_unlabelled_folders(folders):
    base = dict(type='MP100Dataset', _scope_='mmpose', data_root=str(folders), ann_file='ann.json')
    novel = dict(
        type='CategoryFolderDataset',
        _scope_='mmpose',
        data_root=str(folders),
        labelled_ann_file='ann.json',
    )
    dataset = pair_dataset(folders, base=base, novel=novel, novel_train_ratio=1.0)
    samples = [image['data_samples'] for i in range(len(dataset)) for image in dataset[i]]
    assert {(s.category_name, s.is_base) for s in samples} == {
        ('thing', True),
        ('cat', False),
        ('elk', False),
    }
    # images without any annotation can be predicted, not scored
    evaluated = pair_dataset(folders, base=base, novel=novel, test_mode=True)
    assert 'keypoints' not in evaluated[len(evaluated) - 1]['data_samples'].gt_instances


@pytest.mark.parametrize('place', ['relative', 'absolute', 'outside'])
def test_labelled_folders_are_those_with_visible_keypoints(folders, place):
    path = folders / 'ann.json'
    content = json.loads(path.read_text())
    root = folders / 'images'
    if place != 'relative':
        for image in content['images']:
            name = image['file_name']
            image['file_name'] = f'../images/{name}' if place == 'outside' else f'{root / name}'
    # tools list images that nobody has annotated yet, some with empty annotations
    content['images'].append(dict(content['images'][0], id=90, file_name='cat/a.png'))
    content['images'].append(dict(content['images'][0], id=91, file_name='elk/x.png'))
    hidden = dict(content['annotations'][0], id=90, image_id=90)
    hidden['keypoints'] = [0] * len(hidden['keypoints'])
    content['annotations'].append(hidden)
    path.write_text(json.dumps(content))
    dataset = CategoryFolderDataset(str(folders), labelled_ann_file='ann.json')
    assert [c.name for c in dataset.categories.values()] == ['cat', 'elk']
    with pytest.raises(ValueError, match=r"classes \['ape'\]: .*ann.json has labels of them"):
        CategoryFolderDataset(str(folders), labelled_ann_file='ann.json', classes=['ape', 'cat'])


@pytest.mark.parametrize(
    ('change', 'kwargs', 'error', 'message'),
    [
        (None, dict(data_prefix=dict(img='no')), FileNotFoundError, 'no such directory'),
        (None, dict(classes=['cow', 'cat']), FileNotFoundError, r"classes \['cow'\]"),
        (None, dict(classes=['empty']), ValueError, r'empty: no image, expected files'),
        (None, dict(classes='cat'), ValueError, "classes='cat': expected a list"),
        ('unreadable', {}, ValueError, 'd.png: cannot be decoded'),
        ('only labelled', dict(labelled_ann_file='ann.json'), ValueError, r"no novel image.*'ape'"),
    ],
)
def test_errors(folders, change, kwargs, error, message):
    if change == 'unreadable':
        (folders / 'images/cat/d.png').write_bytes(b'no picture')
    if change == 'only labelled':
        for name in ('cat', 'elk'):
            shutil.rmtree(folders / 'images' / name)
    with pytest.raises(error, match=message):
        CategoryFolderDataset(str(folders), **kwargs)
