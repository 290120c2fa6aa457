"""From detectors' checkpoints to predictions, on narrow networks without training."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.apis import MMPoseInferencer
from mmpose.registry import INFERENCERS

from kpt_plugins.annotation_formats import KeypointCategory, read_annotations
from kpt_plugins.apis import DetectorInferencer
from kpt_plugins.apis.detector_metainfo import known_metainfo, metainfo_category
from kpt_plugins.apis.inference_results import write_coco
from tests.tiny_detector import CATEGORY, write_detector
from tests.tiny_matcher import BOX, draw_object


@pytest.fixture(scope='module', params=['heatmap', 'coke'])
def checkpoint(request, tmp_path_factory):
    return write_detector(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope='module')
def inferencer(checkpoint):
    return DetectorInferencer(weights=checkpoint, device='cpu')


@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp('photos')
    for number in range(3):
        cv2.imwrite(str(folder / f'{number}.png'), draw_object((8 * number, 4)))
    return folder


def test_predictions_are_those_of_mmposes_inferencer(checkpoint, inferencer, photos, tmp_path):
    results = inferencer.predict(photos, batch_size=2)
    config = checkpoint.parent / 'detector.py'
    content = torch.load(checkpoint, weights_only=True)
    # MMPose asks for what a training writes
    content['meta']['dataset_meta'] = known_metainfo(Config.fromfile(config), {})
    torch.save(content, tmp_path / 'trained.pth')
    theirs = MMPoseInferencer(
        str(config), str(tmp_path / 'trained.pth'), det_model='whole_image', device='cpu'
    )
    assert len(results) == 3
    for result in results:
        (expected,) = next(theirs(str(photos / result.name)))['predictions'][0]
        (found,) = result.instances
        np.testing.assert_allclose(found.keypoints, expected['keypoints'], atol=0.05)  # px
        scores = np.clip(expected['keypoint_scores'], 0, 1)
        np.testing.assert_allclose(found.scores, scores, atol=1e-4)
        assert found.bbox.tolist() == [0, 0, result.width, result.height]
        assert np.ptp(found.keypoints, axis=0).min() > 0 and found.shown.all()


def test_the_category_is_that_of_the_training(inferencer, photos, tmp_path):
    category = inferencer.category
    assert (category.name, category.keypoint_names) == ('goat', CATEGORY.keypoint_names)
    assert category.skeleton == CATEGORY.skeleton and category.flip_pairs == CATEGORY.flip_pairs
    results = inferencer.predict(photos, vis_out_dir=tmp_path / 'pictures')
    found = read_annotations(write_coco(tmp_path / 'a.json', results))
    assert found.categories == [category]
    assert [len(image.instances) for image in found.images] == [1] * 3
    assert len(list((tmp_path / 'pictures').iterdir())) == 3


def test_keypoints_that_no_label_showed_are_not_found(tmp_path, photos):
    weights = write_detector(tmp_path, unlabelled=['nose', 'left 5'])
    inferencer = DetectorInferencer(weights=weights, device='cpu')
    expected = [name not in ('nose', 'left 5') for name in CATEGORY.keypoint_names]
    results = inferencer.predict(photos)
    for result in results:
        (found,) = result.instances
        assert found.shown.tolist() == expected
        assert not found.scores[~found.shown].any() and found.scores[found.shown].any()
        assert found.score == pytest.approx(found.scores[found.shown].mean())
    annotations = read_annotations(write_coco(tmp_path / 'a.json', results))
    visibility = annotations.images[0].instances[0].keypoints[:, 2]
    assert (visibility > 0).tolist() == expected


def test_boxes_move_the_crop(inferencer):
    image = draw_object()
    (result,) = inferencer.predict(image, bbox=[BOX, [0, 0, 60, 60]])
    first, second = result.instances
    assert np.allclose(first.bbox, BOX) and second.bbox.tolist() == [0, 0, 60, 60]
    assert not np.allclose(first.keypoints, second.keypoints)


def test_names_of_the_checkpoint_come_first(checkpoint, tmp_path):
    content = torch.load(checkpoint, weights_only=True)
    known = dict(keypoint_id2name=dict(enumerate('abcd')), flip_indices=[0, 1, 2, 3])
    content['meta']['dataset_meta'] = known
    torch.save(content, tmp_path / 'named.pth')
    category = DetectorInferencer(weights=tmp_path / 'named.pth', device='cpu').category
    assert category == KeypointCategory('object', list('abcd'))


def test_metainfo_without_names():
    assert known_metainfo(Config(dict(test_dataloader=dict(dataset=dict(type='No')))), {}) == {}
    info = dict(keypoint_id2name={0: 'a', 1: 'a'})
    with pytest.raises(ValueError, match='occur twice'):
        metainfo_category(info)


def test_registered(checkpoint):
    built = INFERENCERS.build(dict(type='DetectorInferencer', weights=checkpoint, device='cpu'))
    assert isinstance(built, DetectorInferencer)


def test_mistakes(checkpoint, tmp_path):
    with pytest.raises(ValueError, match='is a few-shot model, .* supports'):
        DetectorInferencer('fmmp_synth')
    with pytest.raises(ValueError, match='is a weak-shot model'):
        DetectorInferencer('weakshot_synth')
    with pytest.raises(ValueError, match='BottomupPoseEstimator is no few-shot model, .* detector'):
        DetectorInferencer(dict(model=dict(type='BottomupPoseEstimator')))
    cfg = Config.fromfile(checkpoint.parent / 'detector.py')
    pipeline = cfg.test_dataloader.dataset.pipeline
    cfg.test_dataloader.dataset.pipeline = [t for t in pipeline if t['type'] != 'TopdownAffine']
    with pytest.raises(ValueError, match='no pipeline with TopdownAffine'):
        DetectorInferencer(cfg, checkpoint, 'cpu')
    del cfg.test_dataloader.dataset['metainfo']
    cfg.test_dataloader.dataset.type = 'Unknown'
    with pytest.raises(ValueError, match='weights.pth: neither the checkpoint nor the metainfo'):
        DetectorInferencer(cfg, checkpoint, 'cpu')
