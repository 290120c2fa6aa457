"""The examples of the documentation run, and say the truth."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from kpt_plugins.apis.model_loading import build_dataset, build_model, predict_items
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.datasets.annotation_file import read_json
from tests.apis.test_model_loading import TINY
from tests.helpers import write_json
from tests.models.episodes import randomise

DOCS = Path(__file__).parents[1] / 'docs'


def example(page: str, heading: str) -> str:
    """The first Python block below a heading."""
    text = (DOCS / page).read_text().split(f'### {heading}\n')[1]
    return re.search('```python\n(.*?)```', text, re.DOTALL)[1]


@pytest.mark.parametrize('shots', [1, 3])
def test_own_images_are_predicted_as_an_evaluation_does(tiny_mp100, tmp_path, monkeypatch, shots):
    """The same supports and query through the example and through the test dataset."""
    monkeypatch.setenv('KPT_DATA_ROOT', str(tiny_mp100.parent))
    monkeypatch.chdir(tmp_path)
    cfg = load_config(TINY, {'test_dataloader.dataset.num_shots': shots})
    dataset = build_dataset(cfg, 'test')
    torch.manual_seed(0)
    model = randomise(build_model(cfg), scale=0.02)
    torch.save(model.state_dict(), 'a.pth')
    item = dataset[4]
    sample = item['data_samples']

    content = read_json(tiny_mp100 / 'annotations' / 'mp100_split1_val.json')
    annotations = {a['id']: a for a in content['annotations']}
    kept = [annotations[i] for i in sample.support_ids]
    (query,) = (a for a in content['annotations'] if a['id'] == sample.id)
    category = sample.category_id
    names = {image['id']: image['file_name'] for image in content['images']}
    supports = dict(
        images=[i for i in content['images'] if i['id'] in {a['image_id'] for a in kept}],
        annotations=kept,
        categories=[c for c in content['categories'] if c['id'] == category],
    )
    # a skeleton that the file leaves out is filled in from all of its instances
    links = dataset.dataset.categories[category].skeleton.tolist()
    supports['categories'][0] |= dict(skeleton=links)
    supports['info'] = dict(skeleton_base=0)
    write_json('my_data/supports.json', supports)
    shutil.copytree(tiny_mp100 / 'images', 'my_data/images')

    code = example('fmmp.md', 'Your own images, from Python')
    for old, new in (
        ("'fmmp_synth'", repr(str(TINY))),
        ("'work_dirs/fmmp_synth/epoch_9.pth'", "'a.pth'"),
        ("'my_data/images/new.jpg'", repr(f'my_data/images/{names[query["image_id"]]}')),
        ('[20, 35, 180, 160]', repr(sample.gt_instances.bboxes[0].tolist())),
    ):
        assert code.count(old) == 1, old
        code = code.replace(old, new)
    found: dict = {}
    exec(compile(code, 'fmmp.md', 'exec'), found)

    (expected,) = predict_items(model, [item])
    expected = expected.pred_instances
    assert np.ptp(expected.keypoints, axis=1).min() > 0.01
    np.testing.assert_allclose(found['keypoints'], expected.keypoints[0], atol=1e-3)
    np.testing.assert_allclose(found['scores'], expected.keypoint_scores[0], atol=1e-5)
