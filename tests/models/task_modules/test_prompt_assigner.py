import itertools

import numpy as np
import pytest
import torch
from mmpose.registry import TASK_UTILS

from kpt_plugins.models.layers.gaussian_maps import gaussian_maps
from kpt_plugins.models.task_modules.prompt_assigner import assignment_cost

B, N, K, H, W, SIGMA = 3, 5, 3, 6, 7, 1.2


def build(**kwargs):
    return TASK_UTILS.build(dict(type='PromptKeypointAssigner', **kwargs))


def inputs(seed=0, **changes):
    generator = torch.Generator().manual_seed(seed)
    values = dict(
        heatmaps=torch.rand(B, 2, N, H, W, generator=generator),
        points=torch.rand(B, 2, K, 2, generator=generator),
        visible=torch.rand(B, 2, K, generator=generator) < 0.7,
        sigma=SIGMA,
    )
    values['visible'][0, :, 1] = False
    return {**values, **changes}


def slow_cost(heatmaps, points, visible, sigma):
    """Squared distances of a pair, mean over the images that show the keypoint."""
    cost = np.zeros((B, N, K))
    for b, n, k in np.ndindex(B, N, K):
        images = [x for x in (0, 1) if visible[b, x, k]]
        errors = [
            (heatmaps[b, x, n] - gaussian_maps(points[b, x, k], H, W, sigma)).square().sum().item()
            for x in images
        ]
        cost[b, n, k] = np.mean(errors) if images else np.inf
    return cost


def best(cost, keypoints):
    """The cheapest assignment of some keypoints, by trying all of them."""
    ways = itertools.permutations(range(len(cost)), len(keypoints))
    way = min(ways, key=lambda prompts: sum(cost[n, k] for n, k in zip(prompts, keypoints)))  # noqa: B905
    return dict(zip(keypoints, way, strict=True))


def test_cost():
    result = assignment_cost(**inputs())
    np.testing.assert_allclose(result.numpy(), slow_cost(**inputs()), atol=1e-4)


@pytest.mark.parametrize('seed', range(5))
def test_is_the_cheapest_one_for_both_images(seed):
    values = inputs(seed)
    result = build()(**values, category_ids=[1, 2, 3])
    cost = slow_cost(**values)
    assert result.shape == (B, K) and result.dtype == torch.int64
    for b in range(B):
        shown = torch.nonzero(values['visible'][b].any(dim=0))[:, 0].tolist()
        expected = best(cost[b], shown)
        assert result[b].tolist() == [expected.get(k, -1) for k in range(K)]
    assert result[0, 1] == -1


def test_finds_the_prompts_that_show_the_keypoints():
    points = torch.rand(B, 2, K, 2)
    order = torch.tensor([4, 0, 2])
    heatmaps = torch.zeros(B, 2, N, H, W)
    heatmaps[:, :, order] = gaussian_maps(points, H, W, SIGMA)
    values = inputs(heatmaps=heatmaps, points=points, visible=torch.ones(B, 2, K).bool())
    assert build()(**values, category_ids=[1, 2, 3]).tolist() == [order.tolist()] * B


def test_as_many_keypoints_as_prompts_and_nothing_visible():
    values = inputs()
    heatmaps = values['heatmaps'][:, :, :K]
    everything = torch.ones(B, 2, K).bool()
    result = build()(**inputs(heatmaps=heatmaps, visible=everything), category_ids=[1, 2, 3])
    assert [sorted(row) for row in result.tolist()] == [[0, 1, 2]] * B
    result = build()(**inputs(visible=~everything), category_ids=[1, 2, 3])
    assert (result == -1).all()


def test_more_keypoints_than_prompts():
    values = inputs(heatmaps=torch.rand(B, 2, 2, H, W))
    values['visible'][:] = False
    values['visible'][1, 0, 2] = True
    with pytest.raises(ValueError, match='category 8 has 3 keypoints or more.*num_prompts=2'):
        build()(**values, category_ids=[7, 8, 9])


def test_gets_no_gradient():
    values = inputs()
    values['heatmaps'].requires_grad_()
    assert not build()(**values, category_ids=[1, 2, 3]).requires_grad


def one_pair(cost_seed, visible=(True, True, True)):
    values = inputs(cost_seed)
    pair = {key: values[key][:1] for key in ('heatmaps', 'points')}
    shown = torch.tensor(visible).expand(1, 2, K)
    return dict(**pair, visible=shown, sigma=SIGMA)


class TestMemory:
    def test_remembers_the_costs_of_a_category(self):
        assigner = build(mode='class_ema', momentum=0.9, num_prompts=N, num_categories=4)
        remembered = None
        for seed in range(6):
            values = one_pair(seed)
            result = assigner(**values, category_ids=[30])
            cost = assignment_cost(**values)[0].numpy()
            remembered = cost if seed == 0 else 0.9 * remembered + 0.1 * cost
            expected = best(remembered, [0, 1, 2])
            assert result[0].tolist() == [expected[k] for k in range(K)]
        assert assigner.class_assignment(30).tolist() == result[0].tolist()
        assert assigner.class_assignment(31) is None

    def test_keypoints_not_shown_keep_what_is_remembered(self):
        assigner = build(mode='class_ema', num_prompts=N)
        assigner(**one_pair(0), category_ids=[30])
        before = assigner.costs[0, :, 1].clone()
        result = assigner(**one_pair(1, (True, False, True)), category_ids=[30])
        assert torch.equal(assigner.costs[0, :, 1], before) and before.any()
        assert result[0, 1] == -1 and (result[0, [0, 2]] >= 0).all()
        # its prompt is not given to another keypoint meanwhile
        assert assigner.class_assignment(30)[1] not in result[0].tolist()

    def test_categories_are_apart_and_the_memory_travels(self):
        assigner, alone, other = (build(mode='class_ema', num_prompts=N) for _ in range(3))
        for seed in range(3):
            assigner(**one_pair(seed), category_ids=[30])
            alone(**one_pair(seed), category_ids=[30])
            assigner(**one_pair(seed + 7), category_ids=[12])
        np.testing.assert_array_equal(assigner.class_assignment(30), alone.class_assignment(30))
        other.load_state_dict(assigner.state_dict())
        np.testing.assert_array_equal(other.class_assignment(12), assigner.class_assignment(12))

    def test_nothing_visible_leaves_it_alone(self):
        assigner = build(mode='class_ema', num_prompts=N)
        result = assigner(**one_pair(0, (False,) * K), category_ids=[30])
        assert (result == -1).all() and assigner.class_assignment(30) is None

    def test_pairs_leave_nothing(self):
        assert not build().state_dict() and build().class_assignment(1) is None

    def test_too_small(self):
        assigner = build(mode='class_ema', num_prompts=N, num_categories=1)
        assigner(**one_pair(0), category_ids=[30])
        with pytest.raises(ValueError, match='category 31 is one more than .*num_categories=1'):
            assigner(**one_pair(0), category_ids=[31])
        assigner = build(mode='class_ema', num_prompts=N, max_keypoints=2)
        with pytest.raises(ValueError, match='category 30 has 3 keypoints.*max_keypoints=2'):
            assigner(**one_pair(0), category_ids=[30])

    def test_of_another_number_of_prompts(self):
        assigner = build(mode='class_ema', num_prompts=N + 1)
        with pytest.raises(ValueError, match='there are 5 heatmaps.*num_prompts=6'):
            assigner(**one_pair(0), category_ids=[30])


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(mode='image'), "mode is 'image'"),
        (dict(mode='class_ema'), "mode='class_ema' needs num_prompts"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)
