"""From supports to predictions, on a tiny model of random weights."""

import numpy as np
import pytest
import torch
from mmengine.config import Config

from kpt_plugins.annotation_formats import KeypointCategory
from kpt_plugins.apis import FewShotInferencer, Support, SupportSet
from kpt_plugins.apis.model_loading import build_dataset, build_model, predict_items
from kpt_plugins.apis.run_config import load_config
from tests.apis.test_model_loading import TINY


@pytest.fixture(scope='module')
def trained(tiny_mp100, tmp_path_factory):
    """Config, checkpoint as a run saves it, and the model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('KPT_DATA_ROOT', str(tiny_mp100.parent))
        cfg = load_config(TINY)
    torch.manual_seed(0)
    model = build_model(cfg)
    for parameter in model.head.point_mlps.parameters():  # zero at the start: nothing would move
        torch.nn.init.normal_(parameter, std=0.1)
    path = tmp_path_factory.mktemp('weights') / 'tiny.pth'
    torch.save(dict(state_dict=model.state_dict(), meta=dict(cfg=cfg.pretty_text)), path)
    return cfg, path, model


@pytest.fixture
def inferencer(trained):
    return FewShotInferencer(weights=trained[1], device='cpu')


def as_support(record):
    keypoints = np.concatenate([record['keypoints'][0], record['keypoints_visible'][0, :, None]], 1)
    category = KeypointCategory(
        record['category_name'], record['keypoint_names'], record['skeleton'], record['flip_pairs']
    )
    from kpt_plugins.apis.inference_inputs import load_image

    image = load_image(record['img_path'])
    return category, Support(record['img_path'], image, keypoints, record['bbox'][0])


@pytest.mark.parametrize('num_shots', [1, 3])
def test_predictions_are_those_of_the_test_path(trained, inferencer, num_shots):
    cfg, _, model = trained
    cfg = Config(cfg.to_dict())
    cfg.test_dataloader.dataset.num_shots = num_shots
    dataset = build_dataset(cfg, 'test')
    for index in (0, 4, 8, 14):
        _, supports, query = dataset.get_pair(index)
        records = [dataset.dataset.get_data_info(int(i)) for i in supports]
        parts = [as_support(record) for record in records]
        inferencer.set_support(SupportSet(parts[0][0], [support for _, support in parts]))
        record = dataset.dataset.get_data_info(int(query))
        (result,) = inferencer.predict(record['img_path'], record['bbox'])
        (sample,) = predict_items(model, [dataset[index]])
        shown = inferencer.support.shown
        (found,) = result.instances
        expected = sample.pred_instances
        np.testing.assert_allclose(found.keypoints, expected.keypoints[0], atol=1e-3)
        np.testing.assert_allclose(
            found.scores[shown], expected.keypoint_scores[0][shown], rtol=1e-3, atol=1e-6
        )
