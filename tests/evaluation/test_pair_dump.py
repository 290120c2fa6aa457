import numpy as np
import pytest

from kpt_plugins.evaluation import load_pairs, pair_record, save_pairs, score_pairs
from kpt_plugins.evaluation.pair_dump import load_given

from .pair_samples import make_sample


def make_records():
    return [
        pair_record(make_sample(i, num_keypoints=2 + i, category_id=i % 2, num_shots=2).to_dict())
        for i in range(5)
    ]


def test_rescored_dump_equals_direct_score(tmp_path):
    records = make_records()
    copied = [r.with_prediction(r.target + 1) for r in records]
    save_pairs(tmp_path / 'sub' / 'dump.npz', {'model': records, 'copy_baseline': copied})
    loaded = load_pairs(tmp_path / 'sub' / 'dump.npz')
    assert list(loaded) == ['model', 'copy_baseline']
    for given in ('any', 'all'):
        for name, expected in (('model', records), ('copy_baseline', copied)):
            fresh = score_pairs(expected, (0.02, 0.3), given)
            again = score_pairs(loaded[name], (0.02, 0.3), given)
            assert again == fresh
    assert loaded['model'][3].img_path == records[3].img_path
    assert not list(tmp_path.glob('**/*.tmp'))


@pytest.mark.parametrize('given', [None, 'any', 'all'])
def test_the_rule_of_the_run(tmp_path, given):
    save_pairs(tmp_path / 'a.npz', {'model': make_records()}, given)
    assert load_given(tmp_path / 'a.npz') == given
    assert len(load_pairs(tmp_path / 'a.npz')['model']) == 5
    with pytest.raises(FileNotFoundError, match='gone.npz'):
        load_given(tmp_path / 'gone.npz')


def test_methods_must_share_their_pairs(tmp_path):
    records = make_records()
    with pytest.raises(ValueError, match="pairs of 'other'"):
        save_pairs(tmp_path / 'a.npz', {'model': records, 'other': records[::-1]})


def test_suffix(tmp_path):
    with pytest.raises(ValueError, match='npz'):
        save_pairs(tmp_path / 'a.pkl', {'model': make_records()})


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.npz'):
        load_pairs(tmp_path / 'gone.npz')
    (tmp_path / 'text.npz').write_text('no archive')
    np.savez(tmp_path / 'foreign.npz', a=np.zeros(2))
    np.savez(tmp_path / 'objects.npz', format_version=np.array([print], dtype=object))
    for name in ('text', 'foreign', 'objects'):
        with pytest.raises(ValueError, match=name):
            load_pairs(tmp_path / f'{name}.npz')


def test_truncated_file(tmp_path):
    save_pairs(tmp_path / 'a.npz', {'model': make_records()})
    data = (tmp_path / 'a.npz').read_bytes()
    (tmp_path / 'a.npz').write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match='not a readable dump'):
        load_pairs(tmp_path / 'a.npz')
