"""A work directory keeps to the inputs of its run."""

import pytest

from kpt_plugins.apis.run_fingerprint import (
    FINGERPRINT_NAME,
    INPUT_FOLDER,
    is_trained,
    release_untrained,
    require_same_run,
    write_fingerprint,
)

INPUTS = {'--ann': 'a' * 64, '--epochs': 3, '--triplet': None}


def test_same_inputs(tmp_path):
    require_same_run(tmp_path / 'new', INPUTS)
    assert not (tmp_path / 'new').exists()
    write_fingerprint(tmp_path, INPUTS)
    require_same_run(tmp_path, dict(INPUTS))
    require_same_run(tmp_path, dict(reversed(INPUTS.items())))


def test_every_difference_is_named(tmp_path):
    write_fingerprint(tmp_path, INPUTS)
    now = {'--ann': 'b' * 64, '--epochs': 3, '--triplet': ['a', 'b', 'c'], '--lr': 0.1}
    with pytest.raises(ValueError, match='another --ann') as error:
        require_same_run(tmp_path, now)
    text = str(error.value)
    assert f'--ann (sha256 {"a" * 12}... there, sha256 {"b" * 12}... now)' in text
    assert "--triplet (None there, ['a', 'b', 'c'] now)" in text
    assert '--lr (None there, 0.1 now)' in text and '--epochs' not in text


@pytest.mark.parametrize('text', ['{"--ann": ', '[1]', '3'])
def test_a_damaged_fingerprint(tmp_path, text):
    write_fingerprint(tmp_path, INPUTS)
    (tmp_path / INPUT_FOLDER / FINGERPRINT_NAME).write_text(text)
    with pytest.raises(ValueError, match=r'fingerprint.json cannot be read'):
        require_same_run(tmp_path, INPUTS)


@pytest.mark.parametrize('name', ['detector.pth', 'association.pth', 'epoch_12.pth'])
def test_weights_keep_a_folder(tmp_path, name):
    write_fingerprint(tmp_path, INPUTS)
    release_untrained(tmp_path)
    require_same_run(tmp_path, {'--ann': 'other'})
    (tmp_path / 'other.pth').touch()
    assert not is_trained(tmp_path)
    (tmp_path / name).touch()
    assert is_trained(tmp_path)
    with pytest.raises(ValueError, match='inputs are not known'):
        require_same_run(tmp_path, INPUTS)
    write_fingerprint(tmp_path, INPUTS)
    release_untrained(tmp_path)
    require_same_run(tmp_path, INPUTS)
