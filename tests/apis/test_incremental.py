from pathlib import Path

import pytest

from kpt_plugins.apis.incremental import StepRun
from kpt_plugins.structures.step_manifest import StepManifest, sha256_of


def write_step(folder: Path, step: int, parent: Path | None = None, content: bytes = b'weights'):
    """A finished step; returns its run."""
    folder.mkdir()
    (folder / 'detector.pth').write_bytes(content)
    run = StepRun(step, Path('config.py'), folder, parent)
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
    assert not StepRun(0, Path('config.py'), tmp_path, None).trained()


def test_a_finished_step_of_its_parent(tmp_path):
    base = write_step(tmp_path / 'step0', 0)
    assert base.trained()
    assert write_step(tmp_path / 'step1', 1, base.folder).trained()


def test_another_parent_is_refused(tmp_path):
    write_step(tmp_path / 'step0', 0)
    run = write_step(tmp_path / 'step1', 1, tmp_path / 'step0')
    other = write_step(tmp_path / 'other', 0, content=b'other weights')
    again = StepRun(1, run.config, run.folder, other.folder)
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
        StepRun(2, Path('config.py'), tmp_path / 'step0', None).trained()


def test_a_broken_manifest_is_named(tmp_path):
    (tmp_path / 'manifest.json').write_text('{"step": 0')
    with pytest.raises(ValueError, match='manifest.json is not the manifest of a step'):
        StepRun(0, Path('config.py'), tmp_path, None).trained()


def test_options_place_a_step_in_its_sequence(tmp_path):
    run = StepRun(1, Path('config.py'), tmp_path / 'step1', tmp_path / 'step0', {'model.step': 1})
    assert run.cfg_options() == {
        'model.step': 1,
        'model.parent': str(tmp_path / 'step0' / 'detector.pth'),
        'test_evaluator.0.out_file': str(tmp_path / 'step1' / 'row.json'),
    }
