"""CheckedCocoStyleDataset: what it says about missing files and annotations that do not fit."""

from __future__ import annotations

import pytest
from mmpose.registry import DATASETS

from kpt_plugins.datasets import checked_coco_style
from kpt_plugins.datasets.checked_coco_style import CheckedCocoStyleDataset
from tests.helpers import coco_file, write_coco

METAINFO = dict(
    dataset_name='thing',
    keypoint_info={i: dict(name=f'p{i}', id=i) for i in range(3)},
    skeleton_info={},
    joint_weights=[1.0] * 3,
    sigmas=[0.05] * 3,
)


def _load(root, **arguments) -> CheckedCocoStyleDataset:
    arguments = {'data_prefix': dict(img='images'), **arguments}
    return CheckedCocoStyleDataset(
        ann_file='ann.json', data_root=str(root), metainfo=METAINFO, **arguments
    )


def test_complete_files(tmp_path):
    write_coco(tmp_path, coco_file(num_images=3))
    dataset = _load(tmp_path)
    assert [record['img_id'] for record in dataset] == [1, 2, 3]
    stock = DATASETS.build(
        dict(
            type='CocoDataset',
            ann_file='ann.json',
            data_root=str(tmp_path),
            metainfo=METAINFO,
            data_prefix=dict(img='images'),
        )
    )
    assert {k: str(v) for k, v in dataset.get_data_info(1).items()} == {
        k: str(v) for k, v in stock.get_data_info(1).items()
    }


def test_no_annotation_file(tmp_path):
    (tmp_path / 'images').mkdir()
    with pytest.raises(FileNotFoundError, match='ann.json: there is no such annotation file'):
        _load(tmp_path)


def test_no_image_directory(tmp_path):
    write_coco(tmp_path, coco_file())
    with pytest.raises(FileNotFoundError, match='elsewhere: there is no such image directory'):
        _load(tmp_path, data_prefix=dict(img='elsewhere'))


def test_missing_image(tmp_path, monkeypatch):
    content = coco_file(num_images=3)
    content['images'][1]['file_name'] = 'b/1.png'
    content['annotations'].append({**content['annotations'][1], 'id': 4})
    write_coco(tmp_path, content)
    (tmp_path / 'images' / 'b' / '1.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'images/b/1.png: .* 1 of 3 images are missing'):
        _load(tmp_path)
    messages = []
    monkeypatch.setattr(checked_coco_style, 'print_log', lambda text, **_: messages.append(text))
    assert [r['img_id'] for r in _load(tmp_path, skip_missing_images=True)] == [1, 3]
    assert '1 of 3 images are missing; left out, with 2 of 4 instances' in messages[0]


def test_all_images_missing(tmp_path):
    write_coco(tmp_path, coco_file(), images=False)
    with pytest.raises(FileNotFoundError, match='2 of 2 images are missing'):
        _load(tmp_path, skip_missing_images=True)


def test_image_directory_beside(tmp_path):
    write_coco(tmp_path, coco_file())
    with pytest.raises(FileNotFoundError, match=r"set data_prefix=dict\(img='images'\)"):
        _load(tmp_path, data_prefix=dict(img=''))


def test_other_number_of_keypoints(tmp_path):
    content = coco_file()
    content['annotations'][1]['keypoints'] = content['annotations'][1]['keypoints'][:-3]
    write_coco(tmp_path, content)
    with pytest.raises(
        ValueError, match=r'ann.json: annotation 2: keypoints: 6 values, expected 9'
    ):
        _load(tmp_path)


def test_no_usable_instance(tmp_path):
    content = coco_file()
    content['annotations'][0].update(keypoints=[0] * 9, num_keypoints=0)
    content['annotations'][1].update(bbox=[4, 5, 0, 0])
    write_coco(tmp_path, content)
    with pytest.raises(ValueError, match='ann.json: no usable instance'):
        _load(tmp_path)
