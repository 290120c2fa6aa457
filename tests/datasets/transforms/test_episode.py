import numpy as np
import pytest
import torch
from mmpose.structures import PoseDataSample

from kpt_plugins.datasets.transforms import KeypointPadding, PackEpisode, StructuralReferences
from kpt_plugins.structures.geometry import apply_affine
from kpt_plugins.structures.references import structural_references

LINKS = np.array([[0, 1], [1, 2], [1, 3]])


def episode(visible, num_keypoints=4, links=LINKS, size=(64, 48)):
    """An episode of random images; ``visible`` (S + 1, K), the query last."""
    visible = np.asarray(visible, bool)
    rng = np.random.default_rng(len(visible))
    points = rng.random((*visible.shape, 2), dtype=np.float32)
    images = [
        dict(
            img=rng.integers(256, size=(size[1], size[0], 3), dtype=np.uint8),
            img_path=f'{number}.jpg',
            id=number,
            bbox=np.float32([[10, 20, 90, 80]]),
            keypoints=rng.random((1, num_keypoints, 2), dtype=np.float32) * 100,
            input_size=size,
            input_center=np.float32([50, 50]),
            input_scale=np.float32([128, 96]),
            bbox_rotation=np.float32([20 * number]),
            skeleton=links,
            flip_pairs=[(2, 3)],
        )
        for number in range(len(visible))
    ]
    return dict(
        images=images,
        points=points,
        visible=visible,
        links=[links] * len(visible),
        num_keypoints=num_keypoints,
        meta=dict(
            pair_index=7,
            category_id=5,
            category_name='thing',
            id=9,
            support_ids=[1] * (len(images)),
        ),
    )


ONE_SHOT = np.ones((2, 4))
# The first support shows the links 0-1 and 1-2, the second 1-3 and 0-1, the third nothing.
THREE_SHOTS = np.array([[1, 1, 1, 0], [1, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1]])


class TestKeypointPadding:
    @pytest.mark.parametrize('mode', ['mixup', 'eqdiv', 'zero'])
    def test_all_images_get_the_same_slots(self, mode):
        given = episode(THREE_SHOTS)
        # every image an affine image of the first
        given['points'] = np.stack([given['points'][0] * (s + 1) + 0.1 * s for s in range(4)])
        result = KeypointPadding(mode, num_keypoints=12)(given)
        assert result['points'].shape == (4, 12, 2) and result['points'].dtype == np.float32
        assert result['visible'].shape == (4, 12) and result['visible'].dtype == bool
        np.testing.assert_array_equal(result['visible'][:, :4], THREE_SHOTS)
        placed = slice(0, 4 if mode == 'zero' else 10 if mode == 'eqdiv' else 12)
        for shot in range(4):
            expected = result['points'][0, placed] * (shot + 1) + 0.1 * shot
            np.testing.assert_allclose(result['points'][shot, placed], expected, atol=1e-5)
        assert not result['visible'][:, placed.stop :].any()
        padded = result['visible'][:, 4:].sum(axis=1)
        if mode == 'zero':
            assert not padded.any()
        else:
            assert padded[2] == 0 < padded[0] and padded[3] == placed.stop - 4

    def test_mixup_draws_anew_from_the_global_generator(self):
        def draw(seed):
            np.random.seed(seed)
            return KeypointPadding('mixup', num_keypoints=12)(episode(ONE_SHOT))['points']

        np.testing.assert_array_equal(draw(1), draw(1))
        assert (draw(1) != draw(2)).any()

    def test_equal_division_does_not_touch_the_global_generator(self):
        np.random.seed(3)
        KeypointPadding('eqdiv', num_keypoints=12)(episode(ONE_SHOT))
        after = np.random.rand()
        np.random.seed(3)
        assert after == np.random.rand()

    def test_too_many_keypoints(self):
        with pytest.raises(ValueError, match=r'category 5 \(thing\) has 4 .*num_keypoints=3'):
            KeypointPadding('zero', num_keypoints=3)(episode(ONE_SHOT))

    def test_unknown_mode(self):
        with pytest.raises(ValueError, match="'mixup', 'eqdiv' or 'zero', got 'mix'"):
            KeypointPadding('mix')

    @pytest.mark.parametrize('mode', ['mixup', 'eqdiv', 'zero'])
    def test_no_skeleton(self, mode):
        result = KeypointPadding(mode, num_keypoints=8)(
            episode(ONE_SHOT, links=np.zeros((0, 2), np.int64))
        )
        assert not result['visible'][:, 4:].any()


class TestStructuralReferences:
    def test_one_shot_query_uses_the_support_table(self):
        result = StructuralReferences(3)(episode([[1, 0, 1, 1], [1, 1, 1, 0]]))
        support = structural_references(LINKS, np.array([1, 0, 1, 1]), 3)
        assert result['references'].shape == (1, 4, 3)
        np.testing.assert_array_equal(result['references'][0], support)
        np.testing.assert_array_equal(result['query_references'], support)
        query = structural_references(LINKS, np.array([1, 1, 1, 0]), 3)
        np.testing.assert_array_equal(result['reverse_references'], query)
        assert (support != query).any()

    def test_several_shots_each_have_their_own(self):
        result = StructuralReferences(4)(episode(THREE_SHOTS))
        for shot in range(3):
            expected = structural_references(LINKS, THREE_SHOTS[shot], 4)
            np.testing.assert_array_equal(result['references'][shot], expected)

    def test_query_uses_what_any_support_shows(self):
        """The released code takes the last support's table, here an empty support's."""
        result = StructuralReferences(4)(episode(THREE_SHOTS))
        expected = structural_references(LINKS, np.ones(4), 4)
        np.testing.assert_array_equal(result['query_references'], expected)

    @pytest.mark.parametrize('mode', ['mixup', 'eqdiv'])
    def test_order_of_the_shots_does_not_matter(self, mode):
        def tables(order):
            given = episode(THREE_SHOTS)
            order = [*order, 3]
            given['points'], given['visible'] = given['points'][order], given['visible'][order]
            np.random.seed(0)
            padded = KeypointPadding(mode, num_keypoints=20)(given)
            return StructuralReferences(8)(padded)

        given = tables([0, 1, 2])
        for order in ([1, 0, 2], [2, 1, 0], [1, 2, 0]):
            other = tables(order)
            np.testing.assert_array_equal(other['query_references'], given['query_references'])
            np.testing.assert_array_equal(other['references'], given['references'][order])

    def test_query_references_follow_the_chains_of_all_supports(self):
        padded = KeypointPadding('eqdiv', num_keypoints=10)(episode(THREE_SHOTS))
        result = StructuralReferences(8)(padded)
        # 6 slots on 3 links: 1-2 holds slots 6 and 7, seen in the first support alone, 1-3 holds
        # 8 and 9, seen in the second alone
        assert {6, 7} <= set(result['query_references'][2])
        assert {8, 9} <= set(result['query_references'][3])

    def test_self_only(self):
        result = StructuralReferences(3, structure='self')(episode(THREE_SHOTS))
        own = np.repeat(np.arange(4)[:, None], 3, axis=1)
        for name in ('query_references', 'reverse_references'):
            np.testing.assert_array_equal(result[name], own)
        np.testing.assert_array_equal(result['references'], [own] * 3)

    def test_unknown_structure(self):
        with pytest.raises(ValueError, match="'skeleton' or 'self', got 'all'"):
            StructuralReferences(structure='all')


class TestPackEpisode:
    def pack(self, visible=THREE_SHOTS, **kwargs):
        given = StructuralReferences()(KeypointPadding('eqdiv', 12)(episode(visible, **kwargs)))
        return given, PackEpisode()(given)

    def test_inputs(self):
        given, packed = self.pack()
        assert set(packed) == {'inputs', 'data_samples'}
        assert packed['inputs'].shape == (4, 3, 48, 64) and packed['inputs'].dtype == torch.uint8
        for image, tensor in zip(given['images'], packed['inputs'], strict=True):
            np.testing.assert_array_equal(image['img'], tensor.permute(1, 2, 0))

    def test_episode_tensors(self):
        given, packed = self.pack()
        fields = packed['data_samples'].episode
        for name in ('points', 'visible', 'references', 'query_references', 'reverse_references'):
            np.testing.assert_array_equal(getattr(fields, name), given[name])
        assert fields.references.shape == (3, 12, 8) and fields.references.dtype == torch.int64
        assert fields.visible.dtype == torch.bool

    def test_query_sample(self):
        given, packed = self.pack([[1, 1, 1, 1], [1, 0, 1, 1]])
        sample, query = packed['data_samples'], given['images'][-1]
        assert isinstance(sample, PoseDataSample)
        assert sample.metainfo['num_keypoints'] == 4
        assert sample.metainfo['pair_index'] == 7 and sample.metainfo['category_id'] == 5
        assert sample.metainfo['img_path'] == '1.jpg'
        np.testing.assert_array_equal(sample.metainfo['skeleton'], LINKS)
        truth = sample.gt_instances
        np.testing.assert_array_equal(truth.keypoints, query['keypoints'])
        np.testing.assert_array_equal(truth.bboxes, query['bbox'])
        assert truth.keypoints_visible.tolist() == [[1, 0, 1, 1]]  # without the padded slots

    def test_crop_to_image_of_the_query(self):
        """The centre of the crop lies on the box centre, and the rotation is the query's."""
        _, packed = self.pack(ONE_SHOT)
        matrix = packed['data_samples'].metainfo['crop_to_image']
        np.testing.assert_allclose(apply_affine(matrix, np.array([32, 24])), (50, 50), atol=1e-4)
        right = apply_affine(matrix, np.array([33, 24])) - (50, 50)
        assert np.linalg.norm(right) == pytest.approx(2, abs=1e-4)  # 128 pixels over 64
        turned = np.degrees(np.arctan2(right[1], right[0]))
        assert abs(turned) == pytest.approx(20, abs=1e-3)

    def test_without_rotation(self):
        given = StructuralReferences()(KeypointPadding('zero', 6)(episode(ONE_SHOT)))
        for image in given['images']:
            del image['bbox_rotation']
        matrix = PackEpisode()(given)['data_samples'].metainfo['crop_to_image']
        np.testing.assert_allclose(matrix, [[2, 0, -14], [0, 2, 2]], atol=1e-4)


@pytest.mark.parametrize('options', [dict(alpha=0), dict(probability=2), dict(probability=-0.1)])
def test_padding_refuses_options_out_of_range(options):
    with pytest.raises(ValueError, match='alpha must be above 0 and probability in'):
        KeypointPadding(**options)


def test_references_refuse_an_empty_list():
    with pytest.raises(ValueError, match='num_references must be at least 1, got 0'):
        StructuralReferences(0)
