"""Predictions in the forms that other tools take."""

import json

import numpy as np
import pytest
from xtcocotools.coco import COCO

from kpt_plugins.annotation_formats import KeypointCategory, read_annotations, write_annotations
from kpt_plugins.apis.inference_results import (
    ImageResult,
    PredictedInstance,
    to_annotation_set,
    to_coco,
    write_coco,
)
from kpt_plugins.datasets import MP100Dataset

CATEGORY = KeypointCategory('fish', ['a', 'b', 'c'], [(0, 1), (1, 2)], [(0, 2)])


def instance(shift=0.0):
    return PredictedInstance(
        keypoints=np.float32([[5, 6], [7.126, 8], [1, 1]]) + np.float32(shift),
        scores=np.float32([0.9, 0.5, 0]),
        bbox=np.float32([3, 4, 33, 24]),
        bbox_score=0.75,
        shown=np.array([True, True, False]),
    )


@pytest.fixture
def results():
    return [
        ImageResult('a.jpg', CATEGORY, 60, 40, [instance(), instance(1)]),
        ImageResult('broken.jpg', CATEGORY, error='cut short'),
        ImageResult('clip.mp4', CATEGORY, 60, 40, [instance()], frame=12),
        ImageResult('empty.jpg', CATEGORY, 60, 40),
    ]


def test_score_is_the_mean_of_what_is_shown():
    assert instance().score == pytest.approx(0.7)


def test_dicts_are_plain(results):
    for result in results:
        content = json.loads(json.dumps(result.to_dict()))
        assert content['name'] == result.name and content['error'] == result.error
    content = results[0].to_dict()
    assert content['keypoint_names'] == ['a', 'b', 'c'] and content['skeleton'] == [[0, 1], [1, 2]]
    first = content['instances'][0]
    assert first['keypoints'][0] == [5, 6] and first['bbox'] == [3, 4, 33, 24]
    np.testing.assert_allclose(first['keypoint_scores'], [0.9, 0.5, 0], rtol=1e-6)


def test_data_samples(results):
    sample = results[0].to_data_sample()
    found = sample.pred_instances
    assert found.keypoints.shape == (2, 3, 2) and found.keypoint_scores.shape == (2, 3)
    assert found.bboxes.shape == (2, 4) and found.bbox_scores.tolist() == [0.75, 0.75]
    assert sample.ori_shape == (40, 60) and sample.skeleton == CATEGORY.skeleton
    assert results[3].to_data_sample().pred_instances.keypoints.shape == (0, 3, 2)


def test_coco(results):
    data = to_coco(results)
    assert [i['file_name'] for i in data['images']] == ['a.jpg', 'clip.mp4/000012.jpg', 'empty.jpg']
    assert data['images'][1]['video'] == 'clip.mp4' and data['images'][1]['frame_id'] == 12
    assert [a['image_id'] for a in data['annotations']] == [1, 1, 2]
    first = data['annotations'][0]
    assert first['keypoints'] == [5, 6, 2, 7.13, 8, 2, 0, 0, 0] and first['num_keypoints'] == 2
    assert first['bbox'] == [3, 4, 30, 20] and first['area'] == 600
    assert first['keypoint_scores'] == [0.9, 0.5, 0] and first['score'] == pytest.approx(0.7)
    assert data['categories'][0]['skeleton'] == [[1, 2], [2, 3]]
    assert to_coco([])['images'] == []


def test_coco_is_read_back(results, tmp_path):
    path = write_coco(tmp_path / 'new' / 'predictions.json', results)
    coco = COCO(str(path))
    assert len(coco.loadRes(coco.dataset['annotations']).getAnnIds()) == 3
    found = read_annotations(path)
    assert found.category('fish') == CATEGORY
    np.testing.assert_allclose(found.images[0].instances[0].scores, [0.9, 0.5, 0])
    (tmp_path / 'images' / 'clip.mp4').mkdir(parents=True)
    for image in found.images:
        (tmp_path / 'images' / image.file_name).write_bytes(b'')
    dataset = MP100Dataset(ann_file=str(path), data_prefix=dict(img=str(tmp_path / 'images')))
    record = dataset.get_data_info(0)
    assert record['skeleton'].tolist() == [[0, 1], [1, 2]]
    assert record['keypoints_visible'].tolist() == [[1, 1, 0]]


def test_annotation_sets(results, tmp_path):
    found = to_annotation_set(results)
    assert [image.file_name for image in found.images][1] == 'clip.mp4/000012.jpg'
    first = found.images[0].instances[0]
    np.testing.assert_allclose(first.keypoints, [[5, 6, 2], [7.126, 8, 2], [0, 0, 0]], rtol=1e-6)
    assert first.bbox == (3, 4, 30, 20)
    write_annotations(found, tmp_path / 'x.json', 'coco')
    again = read_annotations(tmp_path / 'x.json')
    assert again.category('fish') == CATEGORY and len(again.images) == 3
    assert to_annotation_set([]).images == []
