from pathlib import Path

import numpy as np
import pytest
import torch

from kpt_plugins.apis.model_loading import build_dataset, build_model, load_model, predict_items
from kpt_plugins.apis.prompt_assignment import (
    CategoryPrompts,
    fit_prompt_assignment,
    load_assignment,
    predict_records,
    save_assignment,
    save_named_model,
)
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.evaluation.functional import match_prompts, matching_cost

TINY = Path(__file__).parents[1] / 'tiny_weakshot.py'


@pytest.fixture(autouse=True)
def _data(tiny_mp100, monkeypatch):
    monkeypatch.setenv('KPT_DATA_ROOT', str(tiny_mp100.parent))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build_model(load_config(TINY))


@pytest.fixture
def dataset():
    return build_dataset(load_config(TINY), 'test')


def test_assignment_is_that_of_the_fit_images(model, dataset):
    category = list(dataset.pools)[2]
    (named,) = fit_prompt_assignment(model, dataset, [category], batch_size=2)
    indices = [i for i, row in enumerate(dataset.images) if row[:2] == (category, 'fit')]
    records = predict_records(model, dataset, indices)
    cost = matching_cost(
        *(np.stack([getattr(r, name) for r in records]) for name in ('points', 'keypoints')),
        np.stack([r.visible for r in records]),
        np.sqrt([r.area for r in records]),
    )
    assert named.prompts == match_prompts(cost).tolist()
    assert named.num_images == 3 and named.category_id == category
    assert len(named.keypoint_names) == dataset.pools[category].group.num_keypoints
    links = dataset.datasets[0].categories[category].skeleton
    assert named.skeleton == links.tolist() and named.skeleton
    matched = [cost[p, k] for k, p in enumerate(named.prompts)]
    np.testing.assert_allclose(named.distances, matched, rtol=1e-4)


def test_all_categories_and_fewer_images(model, dataset):
    named = fit_prompt_assignment(model, dataset, max_images=1)
    assert [c.category_id for c in named] == list(dataset.pools)
    assert {c.num_images for c in named} == {1}
    # a keypoint that the one image hides has no prompt
    assert any(-1 in c.prompts for c in named)


@pytest.mark.parametrize('prediction_only', [False, True])
def test_checkpoint_knows_the_names(model, dataset, tmp_path, prediction_only):
    categories = list(dataset.pools)[:2]
    named = fit_prompt_assignment(model, dataset, categories)
    (before,) = predict_items(model, [dataset[0]])
    path = tmp_path / 'new' / 'named.pth'
    save_named_model(path, model, named, dict(epoch=3), prediction_only)
    options = {'model.keyness': None, 'model.correspondence': None, 'model.losses': None}
    loaded = load_model(load_config(TINY, options if prediction_only else None), path)
    (sample,) = predict_items(loaded, [dataset[0]])
    instances = sample.pred_instances
    np.testing.assert_allclose(instances.keypoints, before.pred_instances.keypoints, atol=1e-3)
    prompts = np.array(named[0].prompts)
    expected = np.where((prompts >= 0)[:, None], instances.keypoints[0][prompts], np.nan)
    np.testing.assert_array_equal(instances.named_keypoints[0], expected)
    content = torch.load(path, weights_only=True)
    assert content['meta']['epoch'] == 3
    names = content['meta']['named_keypoints'][categories[1]]
    assert names['keypoint_names'] == named[1].keypoint_names
    assert names['skeleton'] == named[1].skeleton
    heads = any(name.startswith('keyness.') for name in content['state_dict'])
    assert heads is not prediction_only


def test_names_of_other_categories_stay(model, dataset, tmp_path):
    first, second = fit_prompt_assignment(model, dataset, list(dataset.pools)[:2])
    save_named_model(tmp_path / 'a.pth', model, [first])
    content = torch.load(tmp_path / 'a.pth', weights_only=True)
    loaded = load_model(load_config(TINY), tmp_path / 'a.pth')
    second.prompts[0] = -1
    save_named_model(tmp_path / 'b.pth', loaded, [second], content['meta'])
    content = torch.load(tmp_path / 'b.pth', weights_only=True)
    assert list(content['meta']['named_keypoints']) == [first.category_id, second.category_id]
    names = load_model(load_config(TINY), tmp_path / 'b.pth').prompt_names
    assert names.get(first.category_id).tolist() == first.prompts
    assert names.get(second.category_id).tolist() == second.prompts


def test_file_round_trip(tmp_path):
    named = [
        CategoryPrompts(3, 'elk', ['nose', 'tail'], [4, -1], [0.25, float('nan')], 5, [[0, 1]])
    ]
    save_assignment(tmp_path / 'new' / 'a.json', named)
    (found,) = load_assignment(tmp_path / 'new' / 'a.json')
    assert found.prompts == [4, -1] and found.keypoint_names == ['nose', 'tail']
    assert found.skeleton == [[0, 1]]
    np.testing.assert_array_equal(found.distances, named[0].distances)


@pytest.mark.parametrize('text', ['no json', '[]', '{"categories": [{"a": 1}]}', '{}'])
def test_wrong_file(tmp_path, text):
    (tmp_path / 'a.json').write_text(text)
    with pytest.raises(ValueError, match=r'a.json: no prompt names, expected'):
        load_assignment(tmp_path / 'a.json')
    with pytest.raises(FileNotFoundError, match='no such file of prompt names'):
        load_assignment(tmp_path / 'b.json')


def test_errors(model, dataset):
    with pytest.raises(ValueError, match=r'categories \[12345\]: the dataset has'):
        fit_prompt_assignment(model, dataset, [12345])
    with pytest.raises(ValueError, match='no annotated image with the role other'):
        fit_prompt_assignment(model, dataset, roles=['other'])
    with pytest.raises(ValueError, match='test_mode=True'):
        fit_prompt_assignment(model, build_dataset(load_config(TINY), 'train'))
