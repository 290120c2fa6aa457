import pytest

from kpt_plugins.datasets.missing_files import require_paths


def test_missing_synthetic_file_names_the_tool(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'synth_val.json.*tools/make_synthetic.py'):
        require_paths(str(tmp_path / 'synth_val.json'), str(tmp_path), str(tmp_path))


def test_other_missing_file_does_not(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        require_paths(str(tmp_path / 'own.json'), str(tmp_path), str(tmp_path))
    assert 'make_synthetic' not in str(error.value)
