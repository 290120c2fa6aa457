import pickle

import pytest
import torch

from kpt_plugins.models.regularizers import accumulate, load_importance, save_importance


def test_what_is_saved_is_loaded(tmp_path):
    parameters = dict(a=torch.nn.Parameter(torch.randn(2, 3)))
    importances = dict(ewc=dict(a=torch.rand(2, 3)), si=dict(a=torch.rand(2, 3)))
    save_importance(tmp_path / 'i.pth', parameters, importances)
    loaded, kinds = load_importance(tmp_path / 'i.pth')
    assert torch.equal(loaded['a'], parameters['a'])
    assert list(kinds) == ['ewc', 'si']
    assert all(torch.equal(kinds[kind]['a'], importances[kind]['a']) for kind in kinds)
    assert not loaded['a'].requires_grad


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match='none.pth does not exist; ParameterImportanceHook'):
        load_importance(tmp_path / 'none.pth')


class Evil:
    def __reduce__(self):
        return exec, ('raise SystemExit',)


@pytest.mark.parametrize('content', ['cut', 'empty', 'list', 'checkpoint', 'code'])
def test_damaged_file(tmp_path, content):
    path = tmp_path / 'i.pth'
    if content == 'code':
        path.write_bytes(pickle.dumps(Evil(), protocol=2))
    elif content == 'empty':
        path.write_bytes(b'')
    else:
        torch.save(dict(list=[1], checkpoint=dict(state_dict={})).get(content, {}), path)
        if content == 'cut':
            save_importance(path, dict(a=torch.zeros(1000)), {})
            path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ValueError, match='i.pth is damaged, or no file of parameter importances'):
        load_importance(path)


@pytest.mark.parametrize('kind', ['ewc', 'mas', 'si', 'rwalk'])
def test_accumulation(kind):
    own = dict(
        a=torch.tensor([[1.0, 2], [3, 4], [5, 6]]), b=torch.tensor(2.0), new=torch.tensor([7.0])
    )
    earlier = dict(
        a=torch.tensor([[10.0, 20], [30, 40]]), b=torch.tensor(4.0), gone=torch.tensor([1.0])
    )
    half = 2 if kind == 'rwalk' else 1
    result = accumulate(kind, own, earlier)
    assert (result['a'][:2] * half).tolist() == [[11, 22], [33, 44]]
    assert result['a'][2].tolist() == [5, 6]
    assert result['b'] * half == 6
    assert result['new'].tolist() == [7]
    assert list(result) == ['a', 'b', 'new']
    assert own['a'].tolist() == [[1, 2], [3, 4], [5, 6]]
