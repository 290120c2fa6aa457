"""From weak-shot checkpoints to predictions, on a tiny model without training."""

import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmpose.registry import INFERENCERS

from kpt_plugins.annotation_formats import read_annotations
from kpt_plugins.apis import WeakShotInferencer
from kpt_plugins.apis.inference_results import write_coco
from kpt_plugins.apis.model_loading import build_dataset, build_model, predict_items
from kpt_plugins.apis.prompt_assignment import (
    fit_prompt_assignment,
    save_assignment,
    save_named_model,
)
from kpt_plugins.apis.run_config import load_config
from tests.apis.test_prompt_assignment import TINY

NUM_PROMPTS = 14


@pytest.fixture(scope='module')
def trained(tiny_mp100, tmp_path_factory):
    """Config, model, test dataset, and a folder with its checkpoints: without names, with those of
    one and of several categories."""
    folder = tmp_path_factory.mktemp('weak_shot')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('KPT_DATA_ROOT', str(tiny_mp100.parent))
        cfg = load_config(TINY)
        dataset = build_dataset(cfg, 'test')
    torch.manual_seed(0)
    model = build_model(cfg)
    for parameter in model.head.parameters():
        torch.nn.init.normal_(parameter, std=0.5)  # else all prompts are at one place
    meta = dict(cfg=cfg.pretty_text)
    torch.save(dict(state_dict=model.state_dict(), meta=meta), folder / 'plain.pth')
    # a hidden keypoint has no prompt
    named = fit_prompt_assignment(model, dataset, max_images=1)
    save_assignment(folder / 'names.json', named[:1])
    save_named_model(folder / 'one.pth', model, named[:1], meta, prediction_only=True)
    save_named_model(folder / 'all.pth', model, named, meta)
    return cfg, model, dataset, folder


@pytest.fixture(scope='module')
def folder(trained):
    return trained[3]


@pytest.fixture(scope='module')
def plain(folder):
    return WeakShotInferencer(weights=folder / 'plain.pth', device='cpu', min_score=0)


@pytest.fixture(scope='module')
def named(folder):
    return WeakShotInferencer(weights=folder / 'one.pth', device='cpu', min_score=0)


def images_of(dataset, category_id=None, count=4):
    """Index, path and box of some test images."""
    for index, (own, _, address) in enumerate(dataset.images):
        if category_id in (None, own) and count:
            count -= 1
            record = dataset.datasets[address[0]].get_data_info(address[1])
            yield index, record['img_path'], record['bbox']


def test_unnamed_predictions_are_those_of_the_test_path(trained, plain):
    _, model, dataset, _ = trained
    model.set_prompt_assignment({})
    assert plain.categories == ['object']
    assert plain.category.keypoint_names == [f'prompt {n}' for n in range(NUM_PROMPTS)]
    spread = []
    for index, path, box in images_of(dataset):
        (result,) = plain.predict(path, box)
        (sample,) = predict_items(model, [dataset[index]])
        (found,), expected = result.instances, sample.pred_instances
        np.testing.assert_allclose(found.keypoints, expected.keypoints[0], atol=1e-4)
        np.testing.assert_allclose(found.scores, expected.keypoint_scores[0], atol=1e-6)
        np.testing.assert_array_equal(found.bbox, expected.bboxes[0])
        assert found.shown.all() and found.bbox_score == 1
        spread.append(np.ptp(found.keypoints, axis=0).max())
    assert min(spread) > 1  # prompts are at different places


def test_named_predictions_are_those_of_the_test_path(trained):
    _, model, dataset, folder = trained
    fitted = fit_prompt_assignment(model, dataset, max_images=1)
    model.set_prompt_assignment({c.category_id: c.prompts for c in fitted})
    inferencer = WeakShotInferencer(
        weights=folder / 'all.pth', device='cpu', min_score=0, category=fitted[0].category_name
    )
    without = 0
    for number, category in enumerate(fitted):
        chosen = inferencer.set_category(inferencer.categories[number])
        assert chosen.keypoint_names == category.keypoint_names
        pool = dataset.pools[category.category_id]
        assert chosen.skeleton == list(pool.skeleton) and chosen.skeleton
        for index, path, box in images_of(dataset, category.category_id, count=2):
            (result,) = inferencer.predict(path, box)
            (sample,) = predict_items(model, [dataset[index]])
            (found,), expected = result.instances, sample.pred_instances
            known = np.array(category.prompts) >= 0
            without += (~known).sum()
            np.testing.assert_allclose(
                found.keypoints[known], expected.named_keypoints[0, known], atol=1e-4
            )
            np.testing.assert_allclose(found.scores, expected.named_keypoint_scores[0], atol=1e-6)
            np.testing.assert_array_equal(found.shown, known)
            assert not found.keypoints[~known].any() and not found.scores[~known].any()
            assert result.category is chosen
    assert without  # some keypoint has no prompt


def test_is_registered(folder):
    inferencer = INFERENCERS.build(
        dict(type='WeakShotInferencer', weights=folder / 'one.pth', device='cpu')
    )
    assert isinstance(inferencer, WeakShotInferencer)


def test_the_checkpoint_of_predictions_alone_is_the_whole_one(trained, named):
    _, _, dataset, folder = trained
    whole = WeakShotInferencer(
        weights=folder / 'all.pth', device='cpu', category=named.category.name
    )
    _, path, box = next(images_of(dataset))
    (one,), (other,) = (i.predict(path, box)[0].instances for i in (named, whole))
    np.testing.assert_array_equal(one.keypoints, other.keypoints)
    assert named.category == whole.category


def test_names_of_a_file(trained, named):
    _, _, dataset, folder = trained
    inferencer = WeakShotInferencer(
        weights=folder / 'plain.pth', device='cpu', prompt_names=folder / 'names.json', min_score=0
    )
    assert inferencer.category == named.category
    _, path, box = next(images_of(dataset))
    (one,), (other,) = (i.predict(path, box)[0].instances for i in (named, inferencer))
    np.testing.assert_array_equal(one.keypoints, other.keypoints)


@pytest.mark.parametrize('batch_size', [1, 3, 100])
def test_batches_keep_the_order_and_do_not_matter(trained, named, batch_size):
    items = list(images_of(trained[2], count=5))
    results = named.predict(
        [path for _, path, _ in items], [box for *_, box in items], batch_size=batch_size
    )
    for result, (_, path, box) in zip(results, items, strict=True):
        (alone,) = named.predict(path, box)
        np.testing.assert_allclose(
            result.instances[0].keypoints, alone.instances[0].keypoints, atol=1e-2
        )


def test_folder_array_and_several_boxes(plain, tmp_path):
    image = np.random.default_rng(0).integers(256, size=(60, 80, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    (tmp_path / 'b.png').write_bytes(b'no picture')
    first, second = plain.predict(tmp_path)
    (array,) = plain.predict(image, [[0, 0, 80, 60], [10, 10, 50, 50]])
    np.testing.assert_allclose(
        first.instances[0].keypoints, array.instances[0].keypoints, atol=1e-3
    )
    assert array.instances[1].bbox.tolist() == [10, 10, 50, 50]
    assert 'b.png' in second.error and not second.instances


def test_unsure_points_are_hidden(folder, plain, tmp_path):
    image = np.random.default_rng(0).integers(256, size=(60, 80, 3), dtype=np.uint8)
    (all_of_them,) = plain.predict(image)[0].instances
    middle = float(np.median(all_of_them.scores))
    inferencer = WeakShotInferencer(weights=folder / 'plain.pth', device='cpu', min_score=middle)
    (result,) = inferencer.predict(image, return_vis=True)
    (found,) = result.instances
    np.testing.assert_array_equal(found.keypoints, all_of_them.keypoints)
    np.testing.assert_array_equal(found.scores, all_of_them.scores)
    np.testing.assert_array_equal(found.shown, found.scores >= middle)
    assert 0 < found.shown.sum() < NUM_PROMPTS
    assert found.score == pytest.approx(found.scores[found.shown].mean())
    path = write_coco(tmp_path / 'out.json', [result])
    (instance,) = read_annotations(path).images[0].instances
    np.testing.assert_array_equal(instance.keypoints[:, 2] > 0, found.shown)
    (drawn,) = plain.predict(image, return_vis=True, kpt_thr=middle)
    np.testing.assert_array_equal(result.visualization, drawn.visualization)


def test_nothing_sure_enough(folder, tmp_path):
    inferencer = WeakShotInferencer(weights=folder / 'plain.pth', device='cpu', min_score=1)
    image = np.zeros((40, 40, 3), np.uint8)
    (result,) = inferencer.predict(image, return_vis=True)
    assert not result.instances[0].shown.any() and result.instances[0].score == 0
    assert not result.visualization.any()
    (annotation,) = json.loads(write_coco(tmp_path / 'a.json', [result]).read_text())['annotations']
    assert annotation['num_keypoints'] == 0 and annotation['score'] == 0


def test_called_as_mmpose_inferencers_are(named, tmp_path):
    image = np.zeros((40, 40, 3), np.uint8)
    (output,) = named(image, return_vis=True, return_datasamples=True, out_dir=tmp_path)
    (sample,) = output['predictions']
    count = len(named.category.keypoint_names)
    assert sample.pred_instances.keypoints.shape == (1, count, 2)
    assert sample.keypoint_names == named.category.keypoint_names
    assert output['visualization'][0].shape == image.shape
    (instance,) = json.loads((tmp_path / 'predictions' / '000000.json').read_text())
    assert np.isfinite(instance['keypoints']).all()
    assert (tmp_path / 'visualizations' / '000000.jpg').is_file()


def test_choosing_a_category(folder):
    weights = folder / 'all.pth'
    with pytest.raises(ValueError, match=r'all.pth: category=None, expected one of .*thing 4'):
        WeakShotInferencer(weights=weights, device='cpu')
    with pytest.raises(ValueError, match=r"category='elk', expected one of"):
        WeakShotInferencer(weights=weights, device='cpu', category='elk')
    with pytest.raises(ValueError, match=r"'elk', but the prompts have no names"):
        WeakShotInferencer(weights=folder / 'plain.pth', device='cpu', category='elk')
    inferencer = WeakShotInferencer(weights=folder / 'one.pth', device='cpu')
    before = inferencer.category
    with pytest.raises(ValueError, match="category='elk'"):
        inferencer.set_category('elk')
    assert inferencer.category is before and inferencer.categories == [before.name]


def test_categories_of_one_name_are_told_apart(folder):
    content = torch.load(folder / 'all.pth', weights_only=True)
    names = content['meta']['named_keypoints']
    faces = [f'face ({i})' for i, record in names.items() if record['name'] == 'face']
    assert len(faces) > 1
    inferencer = WeakShotInferencer(weights=folder / 'all.pth', device='cpu', category=faces[1])
    assert set(faces) < set(inferencer.categories)
    assert len(set(inferencer.categories)) == len(names)


def test_mistakes(trained, folder, tmp_path):
    with pytest.raises(ValueError, match='min_score=2'):
        WeakShotInferencer(weights=folder / 'plain.pth', min_score=2)
    with pytest.raises(FileNotFoundError, match=r'no.pth'):
        WeakShotInferencer(weights=tmp_path / 'no.pth')
    with pytest.raises(ValueError, match='is a few-shot model, which needs annotated supports'):
        WeakShotInferencer('fmmp_synth')
    with pytest.raises(ValueError, match='is a detector, which takes'):
        WeakShotInferencer('coke_synth')
    with pytest.raises(ValueError, match=r'plain.pth has not the weights'):
        WeakShotInferencer('weakshot_synth', folder / 'plain.pth')
    cfg = Config(dict(model=trained[0].model))
    with pytest.raises(ValueError, match='no CategoryPairDataset'):
        WeakShotInferencer(cfg, folder / 'plain.pth')


class Evil:
    def __reduce__(self):
        return (eval, ('1 / 0',))


def test_nothing_is_unpickled_or_run(folder, tmp_path):
    content = torch.load(folder / 'plain.pth', weights_only=True)
    torch.save(content | dict(more=Evil()), tmp_path / 'evil.pth')
    with pytest.raises(ValueError, match='could run any code'):
        WeakShotInferencer(weights=tmp_path / 'evil.pth')
    content['meta']['cfg'] += '\nmodel = exit()\n'
    torch.save(content, tmp_path / 'program.pth')
    with pytest.raises(ValueError, match='not made of plain values'):
        WeakShotInferencer(weights=tmp_path / 'program.pth')
