"""OccludedPascal3DDataset: levels and covered keypoints of its records."""

from __future__ import annotations

import pytest
from mmpose.registry import DATASETS

from kpt_plugins.datasets.pascal3d_keypoints import KEYPOINTS
from tests.helpers import coco_file, write_coco


def content():
    file = coco_file(num_keypoints=7, skeleton=[], num_images=4)
    file['categories'][0].update(id=3, name='boat', keypoints=list(KEYPOINTS['boat']))
    for i, (image, annotation) in enumerate(zip(file['images'], file['annotations'], strict=True)):
        image.update(occluder_mask=f'{i}.npz')
        annotation.update(
            category_id=3,
            azimuth=45.0 * i,
            occlusion_level=(1, 2, 3, 3)[i],
            keypoints_occluded=[int(k < i) for k in range(7)],
            object_occluded=0.25 * i,
            background_occluded=0.1 * i,
        )
    return file


def build(root, **kwargs):
    return DATASETS.build(
        dict(
            type='OccludedPascal3DDataset',
            category='boat',
            ann_file='ann.json',
            data_root=str(root),
            data_prefix=dict(img='images'),
        )
        | kwargs
    )


def test_records(tmp_path):
    write_coco(tmp_path, content())
    for i, record in enumerate(build(tmp_path)):
        assert record['occlusion_level'] == (1, 2, 3, 3)[i]
        assert record['keypoints_occluded'].dtype == bool
        assert record['keypoints_occluded'].tolist() == [[k < i for k in range(7)]]
        assert record['object_occluded'] == 0.25 * i
        assert record['background_occluded'] == 0.1 * i
        assert record['keypoints_visible'].min() == 1
        assert record['azimuth_bin'] == i and record['category'] == 'boat'
        assert 'occluder_mask' not in record


def test_paths_of_masks(tmp_path):
    write_coco(tmp_path, content())
    dataset = build(tmp_path, data_prefix=dict(img='images', occluder_mask='masks'))
    assert dataset[2]['occluder_mask'] == str(tmp_path / 'masks' / '2.npz')


def test_levels(tmp_path):
    write_coco(tmp_path, content())
    assert [r['occlusion_level'] for r in build(tmp_path, levels=(3,))] == [3, 3]
    assert [r['azimuth'] for r in build(tmp_path, levels=[3, 1], azimuth_bins='TFTFFFFF')] == [
        0,
        90,
    ]
    file = content()
    for annotation in file['annotations']:
        annotation['occlusion_level'] = 1
    write_coco(tmp_path, file)
    with pytest.raises(ValueError, match=r'none of 4 objects is of \(2, 3\)'):
        build(tmp_path, levels=(2, 3))


@pytest.mark.parametrize('levels', [(), (0,), (1, 4)])
def test_wrong_levels(tmp_path, levels):
    with pytest.raises(ValueError, match='levels=.*expected some of'):
        build(tmp_path, levels=levels)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(occlusion_level=0), r'annotation 2: occlusion_level: 0, expected one of \(1, 2, 3\)'),
        (dict(occlusion_level=None), 'annotation 2: occlusion_level: None'),
        (dict(keypoints_occluded=None), 'annotation 2: keypoints_occluded: None, expected 7 of'),
        (dict(keypoints_occluded=[1]), r'annotation 2: keypoints_occluded: \[1\], expected 7'),
    ],
)
def test_wrong_annotations(tmp_path, change, message):
    file = content()
    file['annotations'][1].update(change)
    write_coco(tmp_path, file)
    with pytest.raises(ValueError, match=message):
        build(tmp_path)


def test_missing_files(tmp_path):
    with pytest.raises(
        FileNotFoundError,
        match='boat_val.json: there is no such annotation file.*Angtian/OccludedPASCAL3D.*'
        'occluded_pascal3d_to_coco.py.*tools/occlusion_benchmark.py',
    ):
        build(tmp_path, ann_file='annotations/{category}_val.json')
