"""The examples of docs/coke.md run, and say the truth."""

import json
import re

import numpy as np
import pytest
import torch
from mmpose.apis import inference_topdown, init_model

from kpt_plugins.apis import shipped_configs
from kpt_plugins.codecs import PrototypeCellCodec
from kpt_plugins.models.heads import CoKeHead
from kpt_plugins.models.layers.clutter_bank import ClutterBank
from kpt_plugins.models.layers.prototype_bank import PrototypeBank
from kpt_plugins.models.losses.coke_contrastive import CoKeContrastiveLoss
from kpt_plugins.models.necks.unet_upsample import UNetUpsampleNeck
from tests.helpers import write_json
from tests.models.coke_runs import K, model_config, runner, write_dots
from tests.test_docs import DOCS, example

OLD = 3


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A detector of three of the four dots, and a file that labels the fourth only."""
    monkeypatch.chdir(tmp_path)
    root = write_dots(tmp_path / 'data')
    content = json.loads((root / 'ann.json').read_text())
    for name, kept in (('ann.json', range(OLD)), ('annotations/more.json', [OLD])):
        part = json.loads(json.dumps(content))
        number = max(kept) + 1
        part['categories'][0].update(keypoints=[f'p{k}' for k in range(number)])
        for record in part['annotations']:
            points = np.reshape(record['keypoints'], (K, 3))[:number]
            points[[k for k in range(number) if k not in kept]] = 0
            record.update(keypoints=points.ravel().tolist(), num_keypoints=len(kept))
        write_json(root / name, part)
    hooks = [dict(type='BankRefreshHook')]
    model = model_config(num_keypoints=OLD)
    run = runner(root, tmp_path / 'run', epochs=2, hooks=hooks, model=model)
    run.train()
    run.cfg.dump('my_config.py')
    return root


def test_added_keypoints_leave_the_old_ones_alone(trained):
    code = example('coke.md', 'Add keypoints to a trained model')
    assert code.count("'epoch_120.pth'") == 1
    found: dict = {}
    exec(compile(code.replace('epoch_120.pth', 'run/epoch_2.pth'), 'coke.md', 'exec'), found)
    old = init_model('my_config.py', 'run/epoch_2.pth', 'cpu')
    new = init_model('more.py', 'more.pth', 'cpu')
    assert new.dataset_meta['num_keypoints'] == new.head.num_keypoints == K
    assert new.head.bank.count[OLD:].tolist() == [16]
    assert new.head.bank.theta[OLD].norm() == pytest.approx(1, abs=1e-5)
    for image in ('0.png', '5.png'):
        path = str(trained / 'images' / image)
        before, after = (inference_topdown(m, path)[0].pred_instances for m in (old, new))
        assert after.keypoints.shape == (1, K, 2)
        assert np.array_equal(before.keypoints, after.keypoints[:, :OLD])
        assert np.array_equal(before.keypoint_scores, after.keypoint_scores[:, :OLD])
    # The new prototype is the mean of the new keypoint's features, of unit length each.
    sums = found['sums'][OLD]
    assert torch.allclose(new.head.bank.theta[OLD], sums / sums.norm(), atol=1e-6)


def test_named_files_exist():
    text = (DOCS / 'coke.md').read_text()
    root = DOCS.parent
    for path in set(re.findall(r'(?:configs|tools|benchmarks)/\w+\.py', text)):
        assert (root / path).is_file(), path
    for name in set(re.findall(r'`(coke_\w+)\.py`', text)):
        assert name in shipped_configs(), name


def test_named_options_exist():
    text = (DOCS / 'coke.md').read_text().split('## Options')[1].split('**Two profiles')[0]
    parts = (
        *(CoKeHead, PrototypeBank, ClutterBank, CoKeContrastiveLoss),
        *(PrototypeCellCodec, UNetUpsampleNeck),
    )
    for part in parts:
        (line,) = (line for line in text.split('\n') if line.startswith(f'| `{part.__name__}`'))
        named = set(re.findall(r'`(\w+)(?:=[^`]*)?`', line)) - {
            part.__name__,
            'None',
            'out_indices',
        }
        known = set(part.__init__.__annotations__)
        assert named and named <= known | {"'bilinear'"}, part
