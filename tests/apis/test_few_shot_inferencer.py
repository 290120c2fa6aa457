"""From supports to predictions, on tiny models without training."""

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.registry import INFERENCERS
from mmpose.structures import PoseDataSample

from kpt_plugins.annotation_formats import (
    AnnotatedImage,
    AnnotationSet,
    KeypointCategory,
    KeypointInstance,
    write_annotations,
)
from kpt_plugins.apis import FewShotInferencer, Support, SupportSet
from kpt_plugins.apis import keypoint_inferencer as module
from kpt_plugins.apis.inference_inputs import load_image
from kpt_plugins.apis.model_loading import build_dataset, build_model, predict_items
from kpt_plugins.apis.run_config import load_config
from tests.apis.test_model_loading import TINY
from tests.tiny_matcher import BOX, POINTS, SIZE, draw_object, shifted, write_matcher

NAMES = ['a', 'b', 'c', 'd']


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    return write_matcher(tmp_path_factory.mktemp('weights') / 'matcher.pth')


@pytest.fixture
def matcher(weights):
    inferencer = FewShotInferencer(weights=weights, device='cpu')
    inferencer.set_support(draw_object(), POINTS, names=NAMES, bbox=BOX)
    return inferencer


@pytest.fixture(scope='module')
def tiny(tiny_mp100):
    """Config and model of an FMMP with its recurrence."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('KPT_DATA_ROOT', str(tiny_mp100.parent))
        cfg = load_config(TINY)
    cfg.model.head.proposal = dict(temperature=0.01)
    torch.manual_seed(0)
    model = build_model(cfg)
    for parameter in model.head.point_mlps.parameters():
        torch.nn.init.normal_(parameter, std=0.3)  # at zero no point would move
    return cfg, model


@pytest.mark.parametrize('num_shots', [1, 3])
def test_predictions_are_those_of_the_test_path(tiny, tmp_path, num_shots):
    cfg, model = tiny
    path = tmp_path / 'tiny.pth'
    torch.save(dict(state_dict=model.state_dict(), meta=dict(cfg=cfg.pretty_text)), path)
    inferencer = FewShotInferencer(weights=path, device='cpu')
    cfg = Config(cfg.to_dict())
    cfg.test_dataloader.dataset.num_shots = num_shots
    dataset = build_dataset(cfg, 'test')
    moved = []
    for index in (0, 4, 8, 14):
        _, supports, query = dataset.get_pair(index)
        records = [dataset.dataset.get_data_info(int(i)) for i in (*supports, query)]
        inferencer.set_support(as_supports(records[:-1]))
        query = records[-1]
        (result,) = inferencer.predict(query['img_path'], query['bbox'])
        (sample,) = predict_items(model, [dataset[index]])
        (found,), expected = result.instances, sample.pred_instances
        np.testing.assert_allclose(found.keypoints, expected.keypoints[0], atol=1e-3)
        np.testing.assert_allclose(found.bbox, expected.bboxes[0])
        shown = inferencer.support.shown
        scores = expected.keypoint_scores[0]
        np.testing.assert_allclose(found.scores[shown], scores[shown], rtol=1e-3, atol=1e-6)
        assert not found.scores[~shown].any()
        moved.append(np.ptp(found.keypoints, axis=0).max())
    assert min(moved) > 1  # the model does not answer the same for all


def as_supports(records):
    category = KeypointCategory(
        records[0]['category_name'],
        records[0]['keypoint_names'],
        records[0]['skeleton'],
        records[0]['flip_pairs'],
    )
    return SupportSet(
        category,
        [
            Support(
                record['img_path'],
                load_image(record['img_path']),
                np.concatenate(
                    [record['keypoints'][0], record['keypoints_visible'][0, :, None]], axis=1
                ),
                record['bbox'][0],
            )
            for record in records
        ],
    )


def test_is_registered(weights):
    inferencer = INFERENCERS.build(dict(type='FewShotInferencer', weights=weights, device='cpu'))
    assert isinstance(inferencer, FewShotInferencer)


def test_finds_the_keypoints_in_a_moved_object(matcher):
    shift = (24, 12)
    (result,) = matcher.predict(draw_object(shift), shifted(BOX, shift))
    (found,) = result.instances
    assert np.abs(found.keypoints - POINTS - shift).max() < 8  # two cells of the map
    assert found.keypoints.shape == (4, 2) and found.scores.shape == (4,)
    assert (found.scores > 0.5).all() and found.score > 0.5
    assert (result.width, result.height, result.frame, result.error) == (*SIZE, None, None)


def test_several_boxes_of_an_image_and_default_box(matcher):
    boxes = [BOX, shifted(BOX, (10, 0)), shifted(BOX, (0, 10))]
    (result,) = matcher.predict(draw_object(), boxes, batch_size=2)
    assert [i.bbox.tolist() for i in result.instances] == boxes
    assert all(np.abs(i.keypoints - POINTS).max() < 25 for i in result.instances)
    (whole,) = matcher.predict(draw_object())[0].instances
    assert whole.bbox.tolist() == [0, 0, *SIZE]


@pytest.mark.parametrize('batch_size', [1, 2, 100])
def test_batches_keep_the_order_and_do_not_matter(matcher, batch_size):
    shifts = [(0, 0), (16, 0), (0, 16), (8, 8), (-16, 0)]
    boxes = [shifted(BOX, shift) for shift in shifts]
    results = matcher.predict([draw_object(s) for s in shifts], boxes, batch_size=batch_size)
    for result, shift, box in zip(results, shifts, boxes, strict=True):
        (alone,) = matcher.predict(draw_object(shift), box)
        np.testing.assert_allclose(
            result.instances[0].keypoints, alone.instances[0].keypoints, atol=1e-2
        )


def test_supports_are_encoded_once(matcher, monkeypatch):
    monkeypatch.setattr(matcher.model, 'encode_support', None)
    assert len(matcher.predict([draw_object()] * 3)) == 3


def test_a_support_may_show_some_of_the_keypoints(matcher):
    first, second = POINTS.copy(), POINTS.copy()
    first[2:] = np.nan
    second = np.concatenate([second, [[0], [2], [1], [0]]], axis=1)
    matcher.set_support([draw_object(), draw_object()], [first, second], bbox=[BOX, BOX])
    assert matcher.support.shown.tolist() == [True, True, True, False]
    (found,) = matcher.predict(draw_object(), BOX)[0].instances
    assert np.abs(found.keypoints[:3] - POINTS[:3]).max() < 8
    assert found.scores[3] == 0 and (found.scores[:3] > 0).all()
    assert found.shown.tolist() == [True, True, True, False]


def test_supports_are_predicted_from_each_other(matcher):
    shifts = [(0, 0), (24, 12), (-8, 16)]
    points = [np.c_[POINTS + shift, [2, 2, 2, 2]] for shift in shifts]
    points[0][3] = points[1][3] = 0  # the last support alone shows it
    points[2][0] = 0
    boxes = [shifted(BOX, shift) for shift in shifts]
    given = [draw_object(shift) for shift in shifts]
    support = matcher.set_support(given, points, bbox=boxes)
    before = matcher.predict(draw_object(), BOX)[0].instances[0]
    errors = matcher.check_supports()
    known = ~np.isnan(errors)
    assert known.tolist() == [[True, True, True, False]] * 2 + [[False, True, True, False]]
    assert errors[known].max() < 8 / 270 and errors[known].min() >= 0
    assert matcher.support is support
    after = matcher.predict(draw_object(), BOX)[0].instances[0]
    np.testing.assert_array_equal(before.keypoints, after.keypoints)
    points[1][1, 0] += 27  # a tenth of the box
    matcher.set_support(given, points, bbox=boxes)
    moved = matcher.check_supports()
    assert moved[1, 1] == pytest.approx(0.1, abs=0.04)
    assert moved[0, 0] == pytest.approx(errors[0, 0], abs=0.03)


def test_supports_are_checked_as_images_without_boxes(matcher):
    wide = cv2.copyMakeBorder(draw_object(), 0, 480, 0, 800, cv2.BORDER_CONSTANT)
    matcher.set_support([wide, wide], [POINTS, POINTS], bbox=[BOX, BOX])
    assert matcher.check_supports().max() < 0.03
    whole = matcher.check_supports(whole_images=True)
    (found,) = matcher.predict(wide)[0].instances
    np.testing.assert_allclose(
        whole[0], np.linalg.norm(found.keypoints - POINTS, axis=1) / 270, rtol=1e-4
    )
    assert whole.max() > 0.1


def test_one_support_cannot_be_checked(matcher, weights):
    with pytest.raises(RuntimeError, match='there is one support, expected at least two'):
        matcher.check_supports()
    with pytest.raises(RuntimeError, match='call set_support'):
        FewShotInferencer(weights=weights, device='cpu').check_supports()


def test_grey_alpha_and_16_bit_arrays_predict_alike(matcher):
    image = draw_object()
    alpha = np.concatenate([image, np.zeros_like(image[..., :1])], axis=2)
    deep = image.astype(np.uint16) * 257
    plain, *others = matcher.predict([image, alpha, deep], [BOX] * 3)
    for other in others:
        np.testing.assert_array_equal(other.instances[0].keypoints, plain.instances[0].keypoints)
    assert matcher.predict(image[..., 0])[0].error is None


def test_one_pixel(matcher):
    (result,) = matcher.predict(np.zeros((1, 1, 3), np.uint8))
    assert np.isfinite(result.instances[0].keypoints).all()
    matcher.set_support(np.zeros((1, 1, 3), np.uint8), [[0.5, 0.5]])
    assert matcher.predict(draw_object())[0].error is None


def test_predict_before_set_support(weights):
    inferencer = FewShotInferencer(weights=weights, device='cpu')
    with pytest.raises(RuntimeError, match='call set_support'):
        inferencer.predict(draw_object())
    with pytest.raises(RuntimeError, match='call set_support'):
        _ = inferencer.category
    with pytest.raises(RuntimeError, match='call set_support'):  # and not at its first result
        inferencer.stream(draw_object())


def test_annotations_of_images_elsewhere(matcher, tmp_path):
    (tmp_path / 'photos').mkdir()
    cv2.imwrite(str(tmp_path / 'photos' / 'a.png'), draw_object())
    points = np.c_[POINTS, np.full(len(POINTS), 2)]
    annotated = AnnotatedImage('a.png', *SIZE, [KeypointInstance('thing', points)])
    names = [str(number) for number in range(len(POINTS))]
    annotations = AnnotationSet([KeypointCategory('thing', names)], [annotated])
    write_annotations(annotations, tmp_path / 'a.json', 'coco')
    support = matcher.set_support(tmp_path / 'a.json', image_dir=tmp_path / 'photos', format='coco')
    np.testing.assert_array_equal(support.supports[0].keypoints, points)
    for given in (dict(image_dir=tmp_path), dict(format='coco')):
        with pytest.raises(ValueError, match=f'{next(iter(given))} is for a file of annotations'):
            matcher.set_support(draw_object(), POINTS, **given)


def test_a_bad_support_leaves_the_one_before(matcher):
    before = matcher.support
    with pytest.raises(ValueError, match='no keypoint lies in the bbox'):
        matcher.set_support(draw_object(), POINTS, bbox=[0, 220, 20, 240])
    with pytest.raises(ValueError, match='expected an array for each image'):
        matcher.set_support(draw_object())
    with pytest.raises(ValueError, match='names is given'):
        matcher.set_support('file.json', names=NAMES)
    assert matcher.support is before and matcher.predict(draw_object())


def test_more_keypoints_than_the_config_pads_to(matcher):
    assert matcher.max_keypoints == 40
    many = np.random.default_rng(0).uniform(50, 200, (41, 2))
    with pytest.raises(ValueError, match='41 keypoints, more than .*num_keypoints=40'):
        matcher.set_support(draw_object(), many)


def test_the_rest_of_a_batch_is_done(matcher, tmp_path):
    good, cut, missing = tmp_path / 'good.png', tmp_path / 'cut.png', tmp_path / 'no.png'
    cv2.imwrite(str(good), draw_object())
    cut.write_bytes(good.read_bytes()[:500])
    results = matcher.predict([cut, good, missing, np.zeros((2, 2), np.float32), good])
    assert [result.error is None for result in results] == [False, True, False, False, True]
    assert 'cut.png' in results[0].error and 'no.png' in results[2].error
    assert 'float32' in results[3].error and not results[3].instances
    assert [result.error for result in matcher.predict(tmp_path)][1] is None  # a folder
    with pytest.raises(ValueError, match='cut.png'):
        matcher.predict(cut)
    with pytest.raises(FileNotFoundError, match='no.png'):
        matcher.predict(missing)


def test_a_bad_box_is_that_images_error(matcher):
    results = matcher.predict([draw_object()] * 3, [BOX, [9, 9, 5, 20], [500, 0, 600, 50]])
    assert [result.error is None for result in results] == [True, False, False]
    assert 'x1 < x2' in results[1].error and 'outside the image of 400 x 240' in results[2].error
    with pytest.raises(ValueError, match='2 for 3 inputs'):
        matcher.predict([draw_object()] * 3, [BOX, BOX])
    with pytest.raises(ValueError, match='batch_size=0'):
        matcher.predict(draw_object(), batch_size=0)


def test_drawings_and_files(matcher, tmp_path):
    image = draw_object()
    (result,) = matcher.predict(image, BOX, return_vis=True, draw_bbox=True)
    assert result.visualization.shape == image.shape and (result.visualization != image).any()
    (result,) = matcher.predict(
        image, BOX, vis_out_dir=tmp_path / 'vis', pred_out_dir=tmp_path / 'pred'
    )
    assert result.visualization is None
    assert cv2.imread(str(tmp_path / 'vis' / '000000.jpg')).shape == image.shape
    assert (tmp_path / 'pred' / '000000.json').is_file()


def test_video(matcher, tmp_path):
    path = tmp_path / 'clip.avi'
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 10, SIZE)
    for step in range(5):
        video.write(draw_object((2 * step, 0)))
    video.release()
    results = matcher.predict(path, BOX, batch_size=2, vis_out_dir=tmp_path / 'vis')
    assert [result.frame for result in results] == [0, 1, 2, 3, 4]
    written = cv2.VideoCapture(str(tmp_path / 'vis' / 'clip.mp4'))
    assert written.get(cv2.CAP_PROP_FRAME_COUNT) == 5 and written.get(cv2.CAP_PROP_FPS) == 10


def test_called_as_mmpose_inferencers_are(matcher, tmp_path):
    outputs = list(matcher([draw_object(), draw_object()], return_vis=True, out_dir=tmp_path))
    assert len(outputs) == 2
    ((instance,),) = outputs[0]['predictions']
    assert {'keypoints', 'keypoint_scores', 'bbox', 'bbox_score'} == instance.keys()
    assert np.shape(instance['keypoints']) == (4, 2)
    assert outputs[0]['visualization'][0].shape == (*SIZE[::-1], 3)
    assert sorted(p.name for p in (tmp_path / 'predictions').iterdir()) == [
        '000000.json',
        '000001.json',
    ]
    assert len(list((tmp_path / 'visualizations').iterdir())) == 2
    (output,) = matcher(draw_object(), return_datasamples=True)
    (sample,) = output['predictions']
    assert isinstance(sample, PoseDataSample)
    assert sample.pred_instances.keypoints.shape == (1, 4, 2)
    assert output['visualization'] == []


def test_objects_are_found_by_a_detector(weights, monkeypatch):
    asked = []

    class Detector:
        def __init__(self, *args):
            asked.append(args)

        def __call__(self, image):
            boxes = [BOX, shifted(BOX, (8, 8))] if image.any() else []
            return np.reshape(boxes, (-1, 4)), np.array([0.9, 0.4])[: len(boxes)]

    monkeypatch.setattr(module, 'InstanceDetector', Detector)
    inferencer = FewShotInferencer(
        weights=weights, device='cpu', det_model='rtmdet', det_cat_ids=3, bbox_thr=0.2, nms_thr=0.5
    )
    assert asked == [('rtmdet', None, 3, 'cpu', 0.2, 0.5)]
    inferencer.set_support(draw_object(), POINTS, bbox=BOX)
    found, empty, given = inferencer.predict(
        [draw_object(), np.zeros((50, 50, 3), np.uint8), draw_object()], [None, None, BOX]
    )
    assert [i.bbox_score for i in found.instances] == [0.9, 0.4]
    assert empty.error is None and empty.instances == []
    assert [i.bbox_score for i in given.instances] == [1]
    assert empty.to_data_sample().pred_instances.keypoints.shape == (0, 4, 2)
