import pytest

from kpt_plugins.datasets.missing_files import require_paths, step_data_help


def test_missing_synthetic_file_names_the_tool(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'synth_val.json.*tools/make_synthetic.py'):
        require_paths(str(tmp_path / 'synth_val.json'), str(tmp_path), str(tmp_path))


@pytest.mark.parametrize('missing', ['annotations', 'images'])
def test_own_data_names_the_entries_to_set(tmp_path, missing):
    ann, images = tmp_path / 'own.json', tmp_path / 'images'
    if missing == 'images':
        ann.touch()
    else:
        images.mkdir()
    words = 'data_root and, below it, train_ann, val_ann and test_ann .*--cfg-options.*docs/data.md'
    with pytest.raises(FileNotFoundError, match=words) as error:
        require_paths(str(ann), str(images), str(tmp_path))
    assert 'make_synthetic' not in str(error.value) and 'MP-100' not in str(error.value)


@pytest.mark.parametrize('name', ['synth_val.json', 'mp100_split1_val.json'])
def test_known_data_do_not(tmp_path, name):
    with pytest.raises(FileNotFoundError) as error:
        require_paths(str(tmp_path / name), str(tmp_path), str(tmp_path))
    assert '--cfg-options' not in str(error.value)


def test_another_set_names_its_options(tmp_path):
    root = str(tmp_path / 'synth_quadruped')
    words = rf'make_synthetic.py --out {root} --seed 3 --categories 1 0 0 --train-images 1200`'
    with pytest.raises(FileNotFoundError, match=words):
        require_paths(f'{root}/synth_train.json', root, root)


@pytest.mark.parametrize(
    'kind, words', [('MpiiDataset', 'human-pose.mpi-inf.mpg.de'), ('ATRWDataset', 'cvwc2019')]
)
def test_known_types_say_who_offers_them(tmp_path, kind, words):
    with pytest.raises(FileNotFoundError, match=words) as error:
        require_paths(str(tmp_path / 'a.json'), str(tmp_path), str(tmp_path), kind)
    assert 'train_ann' not in str(error.value)


def test_what_to_do_without_the_data_of_incremental_configs():
    assert step_data_help('MpiiDataset').endswith('use configs/ikl_synth.py.')
    assert step_data_help('CephalometricDataset').startswith(' To learn')
    assert step_data_help('CocoDataset') == ''
