"""Shipped configs are found by name, from anywhere."""

import pytest

from kpt_plugins.apis import config_lookup, find_config, shipped_configs


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package with three configs, seen from an empty folder."""
    configs = tmp_path / 'site' / 'kpt_plugins' / '.mim' / 'configs'
    (configs / '_base_').mkdir(parents=True)
    (configs / 'few_shot').mkdir()
    for name in ('_base_/runtime.py', 'fmmp_synth.py', 'few_shot/fmmp_pck0.2.py'):
        (configs / name).write_text('a = 1\n')
    monkeypatch.setattr(config_lookup, 'PACKAGE', configs.parents[1])
    (tmp_path / 'cwd').mkdir()
    monkeypatch.chdir(tmp_path / 'cwd')
    return configs


@pytest.mark.parametrize(
    ('name', 'found'),
    [
        ('fmmp_synth', 'fmmp_synth.py'),
        ('fmmp_synth.py', 'fmmp_synth.py'),
        ('fmmp_pck0.2', 'few_shot/fmmp_pck0.2.py'),
        ('few_shot/fmmp_pck0.2.py', 'few_shot/fmmp_pck0.2.py'),
        ('_base_/runtime.py', '_base_/runtime.py'),
    ],
)
def test_names_and_relative_paths(package, name, found):
    assert find_config(name) == package / found


def test_an_existing_file_wins(package):
    (package.parents[2].parent / 'cwd' / 'fmmp_synth').write_text('')
    assert str(find_config('fmmp_synth')) == 'fmmp_synth'


def test_parts_are_not_experiments(package):
    assert set(shipped_configs()) == {'fmmp_synth', 'fmmp_pck0.2'}


def test_a_wrong_name_lists_similar_ones(package):
    with pytest.raises(FileNotFoundError, match="'fmmp_sync' does not exist; did you mean fmmp_sy"):
        find_config('fmmp_sync')
    with pytest.raises(FileNotFoundError, match='shipped are fmmp_pck0.2, fmmp_synth'):
        find_config('zzz')
    with pytest.raises(FileNotFoundError, match='does not exist'):
        find_config('/nowhere/fmmp_synth.py')


def test_a_wrong_path_lists_similar_files_beside_it(package, tmp_path):
    (tmp_path / 'cwd' / 'my_horses.py').write_text('')
    with pytest.raises(FileNotFoundError, match='did you mean my_horses'):
        find_config('./my_horse.py')


def test_a_checkout_that_is_not_installed(package, tmp_path, monkeypatch):
    (tmp_path / 'checkout' / 'configs').mkdir(parents=True)
    (tmp_path / 'checkout' / 'configs' / 'mine.py').write_text('')
    monkeypatch.setattr(config_lookup, 'PACKAGE', tmp_path / 'checkout' / 'kpt_plugins')
    assert find_config('mine') == tmp_path / 'checkout' / 'configs' / 'mine.py'


def test_a_package_without_configs_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(config_lookup, 'PACKAGE', tmp_path / 'kpt_plugins')
    with pytest.raises(FileNotFoundError, match='no configs in .*reinstall'):
        find_config('fmmp_synth')


def test_tools():
    assert config_lookup.find_tool('train.py').parent.name == 'tools'
    with pytest.raises(FileNotFoundError, match='no tools/nothing.py'):
        config_lookup.find_tool('nothing.py')
