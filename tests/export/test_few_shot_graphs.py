"""The two graphs of FMMP say what encode_support and predict_query say."""

import numpy as np
import pytest
import torch

from kpt_plugins.apis.random_episode import random_episode
from tests import tiny_exports as tiny

pytestmark = pytest.mark.slow  # the exporter needs half a minute for the two

pytest.importorskip('onnxscript')
pytest.importorskip('onnxruntime')


def episode(cfg, shots, seed, hidden=()):
    """An episode of random content; ``hidden`` are (shot, keypoint) pairs that are not visible."""
    item = random_episode(cfg, shots, num_keypoints=6, seed=seed)
    tensors = item['data_samples'].episode
    for shot, keypoint in hidden:
        tensors.visible[shot, keypoint] = False
    return item, tensors


def supports(item, tensors):
    return dict(
        images=tiny.normalised(item['inputs'][:-1]),
        points=tensors.points[:-1].numpy(),
        visible=tensors.visible[:-1].numpy(),
        references=tensors.references.numpy(),
        query_references=tensors.query_references.numpy(),
    )


def run(sessions, inputs, queries):
    """Keypoints and scores of queries (B, 3, H, W), uint8."""
    support, query = sessions
    encoded = support.run(None, inputs)
    names = [output.name for output in support.get_outputs()]
    again = {**inputs, **dict(zip(names, encoded, strict=True)), 'images': tiny.normalised(queries)}
    return query.run(None, {i.name: again[i.name] for i in query.get_inputs()})


def by_torch(model, inputs, queries):
    with torch.no_grad():
        given = {name: torch.from_numpy(value)[None] for name, value in inputs.items()}
        state = model.encode_support(given.pop('images'), given)
        instances = model.predict_query(torch.from_numpy(tiny.normalised(queries)), state)
    points = torch.cat([i.keypoints for i in instances]) * torch.tensor(tiny.SIZE)
    return points.numpy(), torch.cat([i.keypoint_scores for i in instances]).numpy()


@pytest.mark.parametrize('shots, batch', [(1, 1), (1, 4), (2, 3), (3, 2), (5, 1)])
def test_any_shots_batch_and_visibility(exported, shots, batch):
    cfg = tiny.episode_config()
    model, _, sessions = exported('few_shot', cfg)
    queries = [item['inputs'] for item in tiny.random_items(batch, seed=batch)]
    nowhere = [(shot, 1) for shot in range(shots)]
    empty = [(0, keypoint) for keypoint in range(12)]
    for hidden in ([], [(0, 2)], nowhere, empty):
        inputs = supports(*episode(cfg, shots, seed=shots, hidden=hidden))
        keypoints, scores = run(sessions, inputs, queries)
        expected, expected_scores = by_torch(model, inputs, queries)
        np.testing.assert_allclose(keypoints, expected, atol=1e-3)
        np.testing.assert_allclose(scores, expected_scores, atol=1e-4)


def test_same_as_predict(exported):
    """The whole way of an evaluation: episodes with their query, in a batch."""
    cfg = tiny.episode_config()
    model, _, sessions = exported('few_shot', cfg)
    item, tensors = episode(cfg, 2, seed=3)
    expected, scores = predicted_episode(model, item)
    keypoints, found = run(sessions, supports(item, tensors), item['inputs'][-1:])
    np.testing.assert_allclose(keypoints[0, :6], expected, atol=1e-3)
    np.testing.assert_allclose(found[0, :6], scores, atol=1e-4)


def predicted_episode(model, item):
    """Of an episode whose crops are whole images, so that both have the same pixels."""
    (sample,) = tiny.predict_items(model, [item])
    return sample.pred_instances.keypoints[0], sample.pred_instances.keypoint_scores[0]


def test_visibility_and_references_matter(exported):
    cfg = tiny.episode_config()
    _, _, sessions = exported('few_shot', cfg)
    queries = [item['inputs'] for item in tiny.random_items(1)]
    inputs = supports(*episode(cfg, 2, seed=1))
    before = run(sessions, inputs, queries)[0]
    for name, value in dict(
        visible=np.arange(12) != 3,
        references=np.zeros_like(inputs['references']),
        query_references=np.zeros_like(inputs['query_references']),
        points=inputs['points'][::-1].copy(),
    ).items():
        changed = dict(inputs, **{name: np.broadcast_to(value, inputs[name].shape).copy()})
        assert np.abs(run(sessions, changed, queries)[0] - before).max() > 1e-3, name


def test_description(exported):
    _, description, _ = exported('few_shot', tiny.episode_config())
    assert description['kind'] == 'few_shot' and description['input_size'] == list(tiny.SIZE)
    assert description['num_keypoints'] == 12 and description['num_references'] == 3
    assert description['padding'] == 'eqdiv' and description['structure'] == 'skeleton'
    assert description['visible_grid'] == [64, 6] and description['box_padding'] == 1.25


def test_proposal_alone(exported):
    """A head without layers mines nothing: the query graph takes one input less."""
    head = dict(tiny.FEW_SHOT['head'], num_layers=0)
    cfg = tiny.episode_config(dict(tiny.FEW_SHOT, head=head))
    model, _, sessions = exported('proposal', cfg)
    assert 'mined' not in [i.name for i in sessions[1].get_inputs()]
    inputs = supports(*episode(cfg, 2, seed=1))
    queries = [item['inputs'] for item in tiny.random_items(3)]
    keypoints, scores = run(sessions, inputs, queries)
    expected, expected_scores = by_torch(model, inputs, queries)
    np.testing.assert_allclose(keypoints, expected, atol=1e-3)
    np.testing.assert_allclose(scores, expected_scores, atol=1e-4)
