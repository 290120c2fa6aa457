from pathlib import Path

import pytest

from kpt_plugins.apis.incremental import StepRun
from kpt_plugins.structures.step_manifest import StepManifest, sha256_of

NAMES = ('a', 'b')
CONFIG = """
model = dict(type='X', parent='old.pth')
train_dataloader = dict(dataset=dict(type='Y', data_root='here'))
train_cfg = dict(max_epochs=3)
"""


def write_step(folder: Path, step: int, parent: Path | None = None, content: bytes = b'weights'):
    """A finished step; returns its run."""
    folder.mkdir()
    (folder / 'detector.pth').write_bytes(content)
    run = StepRun(step, Path('config.py'), folder, parent, NAMES)
    manifest = StepManifest(
        step,
        ['a', 'b'],
        ['b'],
        'detector.pth',
        sha256_of(run.detector),
        parent and sha256_of(parent / 'detector.pth'),
    )
    manifest.write(folder)
    return run


def test_a_step_without_a_manifest_is_to_be_trained(tmp_path):
    assert not StepRun(0, Path('config.py'), tmp_path, None, NAMES).trained()


def test_a_finished_step_of_its_parent(tmp_path):
    base = write_step(tmp_path / 'step0', 0)
    assert base.trained()
    assert write_step(tmp_path / 'step1', 1, base.folder).trained()


def test_another_parent_is_refused(tmp_path):
    write_step(tmp_path / 'step0', 0)
    run = write_step(tmp_path / 'step1', 1, tmp_path / 'step0')
    other = write_step(tmp_path / 'other', 0, content=b'other weights')
    again = StepRun(1, run.config, run.folder, other.folder, NAMES)
    with pytest.raises(
        ValueError, match=r'step 1 was trained from another detector .*other; remove'
    ):
        again.trained()


def test_a_changed_detector_is_refused(tmp_path):
    run = write_step(tmp_path / 'step0', 0)
    run.detector.write_bytes(b'something else')
    with pytest.raises(ValueError, match='is not the file that .*manifest.json describes'):
        run.trained()


def test_a_folder_of_another_step_is_refused(tmp_path):
    write_step(tmp_path / 'step0', 0)
    with pytest.raises(ValueError, match='is of step 0, expected step 2'):
        StepRun(2, Path('config.py'), tmp_path / 'step0', None, NAMES).trained()


def test_a_broken_manifest_is_named(tmp_path):
    (tmp_path / 'manifest.json').write_text('{"step": 0')
    with pytest.raises(ValueError, match='manifest.json is not the manifest of a step'):
        StepRun(0, Path('config.py'), tmp_path, None, NAMES).trained()


def test_options_place_a_step_in_its_sequence(tmp_path):
    run = StepRun(
        1, Path('config.py'), tmp_path / 'step1', tmp_path / 'step0', NAMES, {'model.step': 1}
    )
    assert run.cfg_options() == {
        'model.step': 1,
        'model.parent': str(tmp_path / 'step0' / 'detector.pth'),
        'test_evaluator.0.out_file': str(tmp_path / 'step1' / 'row.json'),
    }


def test_other_keypoints_are_refused(tmp_path):
    run = write_step(tmp_path / 'step0', 0)
    swapped = StepRun(0, run.config, run.folder, None, ('b', 'a'))
    with pytest.raises(ValueError, match='has the keypoints a, b, in this order, the config b, a'):
        swapped.trained()


@pytest.fixture
def claimed(tmp_path):
    """A step whose training was begun with seed 1."""
    config = tmp_path / 'config.py'
    config.write_text(CONFIG)
    run = StepRun(1, config, tmp_path / 'step1', tmp_path / 'step0', NAMES)
    run.claim(1)
    return run


def test_the_same_step_may_go_on(claimed):
    claimed.claim(1)


@pytest.mark.parametrize(
    'old, new', [("data_root='here'", "data_root='there'"), ('old.pth', 'elsewhere/old.pth')]
)
def test_places_may_change(claimed, old, new):
    claimed.config.write_text(CONFIG.replace(old, new))
    claimed.claim(1)


def test_another_seed_is_refused(claimed):
    with pytest.raises(ValueError, match='step1 holds a step 1 with another seed; remove it'):
        claimed.claim(2)


def test_another_config_is_refused(claimed):
    other = CONFIG.replace("'X'", "'Z'").replace('max_epochs=3', 'max_epochs=4')
    claimed.config.write_text(other)
    with pytest.raises(ValueError, match='with another model, train_cfg; remove it'):
        claimed.claim(1)


def test_a_step_trained_by_hand_is_not_claimed(tmp_path):
    run = write_step(tmp_path / 'step0', 0)
    config = tmp_path / 'config.py'
    config.write_text(CONFIG)
    StepRun(0, config, run.folder, None, NAMES).claim(1)
    assert sorted(path.name for path in run.folder.iterdir()) == ['detector.pth', 'manifest.json']
