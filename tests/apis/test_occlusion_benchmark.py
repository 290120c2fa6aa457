import copy
import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData

from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.occlusion_benchmark import (
    META_KEYS,
    evaluate_level,
    occlusion_config,
    run_benchmark,
    write_results,
)
from kpt_plugins.datasets.transforms import PasteOccluder
from tests.tiny_steps import CODEC, METAINFO, NAMES, base_model, write_dots

NUM_IMAGES = 10


@pytest.fixture(scope='module')
def dots(tmp_path_factory):
    return write_dots(tmp_path_factory.mktemp('dots') / 'data', NUM_IMAGES)


@pytest.fixture
def cfg(dots):
    """A stock experiment, only its test part."""
    pipeline = [
        dict(type='LoadImage'),
        dict(type='GetBBoxCenterScale'),
        dict(type='TopdownAffine', input_size=CODEC['input_size']),
        dict(type='PackPoseInputs'),
    ]
    return Config(
        dict(
            default_scope='mmpose',
            model=base_model(num_keypoints=6),
            test_dataloader=dict(
                batch_size=4,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=False),
                dataset=dict(
                    type='CocoDataset',
                    metainfo=METAINFO,
                    data_root=str(dots),
                    ann_file='dots.json',
                    data_prefix=dict(img='images/'),
                    test_mode=True,
                    pipeline=pipeline,
                ),
            ),
            test_evaluator=dict(type='CocoMetric', ann_file=str(dots / 'dots.json')),
        )
    )


@pytest.fixture
def checkpoint(cfg, tmp_path):
    torch.manual_seed(0)
    model = build_model(cfg)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'model.pth')
    return tmp_path / 'model.pth'


def test_config(cfg, tmp_path):
    cutouts = str(tmp_path)
    cv2.imwrite(f'{cutouts}/one.png', np.full((9, 9, 4), 255, np.uint8))
    before = copy.deepcopy(cfg)
    cfg.test_dataloader.dataset.bbox_file = 'detections.json'
    changed = occlusion_config(cfg, 2, cutouts, 3, dict(thr=0.2))
    dataset = changed.test_dataloader.dataset
    types = [step['type'] for step in dataset.pipeline]
    assert types[:3] == ['LoadImage', 'PasteOccluder', 'GetBBoxCenterScale'] and len(types) == 5
    assert dataset.pipeline[1] == dict(type='PasteOccluder', level=2, occluders=cutouts, seed=3)
    keys = dataset.pipeline[-1]['meta_keys']
    assert {*META_KEYS, 'input_center', 'category_id', 'flip_indices'} < set(keys)
    assert dataset.bbox_file is None
    assert changed.test_evaluator == dict(type='VisiblePCKMetric', thr=0.2)
    del cfg.test_dataloader.dataset.bbox_file
    assert cfg.to_dict() == before.to_dict()


def test_own_meta_keys_and_other_steps_are_kept(cfg):
    pipeline = cfg.test_dataloader.dataset.pipeline
    pipeline[-1].meta_keys = ('id', 'azimuth_bin', 'mine')
    pipeline.insert(1, dict(type='SelectKeypoints', indices=[0]))
    pipeline = occlusion_config(cfg, 1).test_dataloader.dataset.pipeline
    keys = pipeline[-1]['meta_keys']
    assert keys[:3] == ('id', 'azimuth_bin', 'mine') and len(keys) == len(set(keys)) == 7
    # Its marks count the keypoints that are left.
    assert [step['type'] for step in pipeline[1:3]] == ['SelectKeypoints', 'PasteOccluder']


def test_pipelines_inside_wrappers_and_without_boxes(cfg):
    inner = cfg.test_dataloader.dataset
    del inner.pipeline[1]
    cfg.test_dataloader.dataset = dict(type='ConcatDataset', datasets=[inner, dict(inner)])
    changed = occlusion_config(cfg, 1).test_dataloader.dataset
    for part in changed.datasets:
        assert [step['type'] for step in part.pipeline[:2]] == ['LoadImage', 'PasteOccluder']


def test_configs_that_are_not_top_down(cfg):
    cfg.test_dataloader.dataset.pipeline = [dict(type='LoadImage'), dict(type='PackEpisode')]
    with pytest.raises(ValueError, match='this config: no pipeline in test_dataloader has Load'):
        occlusion_config(cfg, 1)
    cfg.test_dataloader = None
    with pytest.raises(ValueError, match='no test_dataloader'):
        occlusion_config(cfg, 1)


def test_run(cfg, checkpoint, tmp_path, dots):
    summary, results = run_benchmark(cfg, checkpoint, num_pictures=3, device='cpu')
    rows = summary['levels']
    assert [row['level'] for row in rows] == [0, 1, 2, 3] and summary['seed'] == 0
    assert (
        rows[0]['num_occluded'] == 0 and rows[0]['AUROC'] is None and rows[0]['drop'] in (0, None)
    )
    occluded = [row['num_occluded'] for row in rows]
    assert occluded == sorted(occluded) and occluded[1] > 0
    for row, low in zip(rows[1:], (0.2, 0.4, 0.6), strict=True):
        assert low <= row['object_occluded'] <= low + 0.2
        assert row['num_visible'] + row['num_occluded'] == NUM_IMAGES * 6
        assert list(row['per_keypoint']) == list(NAMES)
        assert 0 <= row['AUROC'] <= 1

    # The marks are those that the transform makes of the files.
    content = json.loads((dots / 'dots.json').read_text())
    for row, number in ((0, 1), (3, 4)):
        x, y, width, height = content['annotations'][row]['bbox']
        corners = np.clip((x, y, x + width, y + height), 0, 63)
        record = dict(
            img=cv2.imread(str(dots / 'images' / f'{number}.png')),
            img_id=number,
            id=number,
            bbox=np.float32([corners]),
            keypoints=np.reshape(content['annotations'][row]['keypoints'], (1, 6, 3))[..., :2],
        )
        marks = PasteOccluder(2)(record)['keypoints_occluded'][0]
        np.testing.assert_array_equal(results[2].records.occluded[row], marks)

    written = write_results(tmp_path / 'out', summary, results)
    assert json.loads(written[0].read_text()) == summary
    assert written[1].read_text().count('\n| L') == 4
    for path in (*written[2:4], *(tmp_path / 'out' / 'pictures').iterdir()):
        assert cv2.imread(str(path)).std() > 1
    assert len(list(written[4].iterdir())) == 3


def test_same_seed_same_scores(cfg, checkpoint):
    options = dict(levels=(2,), device='cpu')
    first = run_benchmark(cfg, checkpoint, **options)[0]
    cfg.test_dataloader.batch_size = 3
    again = run_benchmark(cfg, checkpoint, **options)[0]
    assert again['levels'][0]['num_occluded'] == first['levels'][0]['num_occluded']
    assert again['levels'][0]['PCK_visible'] == pytest.approx(first['levels'][0]['PCK_visible'])
    assert again['levels'][0]['drop'] is None  # there is no level 0 to compare with
    other = run_benchmark(cfg, checkpoint, seed=1, **options)[0]
    assert other['levels'][0]['object_occluded'] != first['levels'][0]['object_occluded']


def test_perfect_predictions(cfg):
    """A model that knows the truth, and which keypoints are hidden."""

    class Oracle:
        def test_step(self, batch):
            for sample in batch['data_samples']:
                truth = sample.gt_instances
                sample.pred_instances = InstanceData(
                    keypoints=truth.keypoints.copy(),
                    keypoint_scores=np.where(sample.keypoints_occluded, 0.2, 0.7),
                )
            return batch['data_samples']

    result = evaluate_level(Oracle(), occlusion_config(cfg, 2), 2, num_pictures=2)
    for name in ('PCK_visible', 'PCK_visible_micro', 'PCK_occluded'):
        assert result.scores[name] == 100
    assert result.scores['AUROC'] == 1
    assert result.scores['category=dots/PCK_visible'] == 100
    # Green where visible, red where hidden.
    drawn = np.concatenate([picture.reshape(-1, 3) for picture in result.pictures]).astype(int)
    for color in ((80, 220, 60), (40, 80, 255)):
        assert (np.abs(drawn - color).max(axis=1) < 60).any()


def test_errors_come_before_the_model(cfg, tmp_path):
    with pytest.raises(FileNotFoundError, match='missing.pth does not exist'):
        run_benchmark(cfg, tmp_path / 'missing.pth', levels=(1,))
    with pytest.raises(ValueError, match='level=5'):
        run_benchmark(cfg, tmp_path / 'missing.pth', levels=(5,))
    with pytest.raises(FileNotFoundError, match='no image in it'):
        run_benchmark(cfg, tmp_path / 'missing.pth', levels=(1,), occluders=str(tmp_path))
    with pytest.raises(ValueError, match='thr=-1'):
        run_benchmark(cfg, tmp_path / 'missing.pth', levels=(1,), metric=dict(thr=-1))
