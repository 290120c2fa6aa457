import pickle

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import load_from_local

from kpt_plugins.apis.checkpoint import (
    find_resume_checkpoint,
    is_complete,
    load_checkpoint_safely,
    use_safe_loading,
)


class Foreign:
    """What an attacker's object does when it is unpickled: here, make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, 'w')


def save(path, **content):
    torch.save(dict(state_dict=dict(w=torch.ones(2)), meta=dict(epoch=1), **content), path)
    return path


def cut(path):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.9)])


@pytest.fixture
def mmengine_loader():
    yield
    CheckpointLoader.register_scheme(prefixes='', loader=load_from_local, force=True)


def test_training_state_is_plain_data(tmp_path):
    buffer = HistoryBuffer([1.0, 2.0], [1, 1])
    path = save(tmp_path / 'a.pth', message_hub=dict(log_scalars=dict(loss=buffer)))
    loaded = load_checkpoint_safely(path)
    assert loaded['message_hub']['log_scalars']['loss'].mean() == 1.5
    assert loaded['state_dict']['w'].tolist() == [1, 1]


def test_after_a_load_by_mmengine(tmp_path):
    path = save(tmp_path / 'a.pth', message_hub=dict(log=HistoryBuffer([1.0], [1])))
    load_from_local(str(path), map_location='cpu')
    assert load_checkpoint_safely(path)['message_hub']['log'].mean() == 1


def test_foreign_pickle_is_refused_and_not_run(tmp_path):
    trap = tmp_path / 'trap'
    path = save(tmp_path / 'a.pth', surprise=Foreign(str(trap)))
    with pytest.raises(ValueError, match=r'a\.pth.*--allow-pickle.*refused: .*open'):
        load_checkpoint_safely(path)
    assert not trap.exists()
    load_checkpoint_safely(path, allow_pickle=True)['surprise'].close()
    assert trap.exists()


def test_getattr_leads_nowhere(tmp_path):
    class Climb:
        def __reduce__(self):
            return getattr, (np.ndarray, 'tofile')

    path = save(tmp_path / 'a.pth', surprise=Climb())
    with pytest.raises(ValueError, match='--allow-pickle'):
        load_checkpoint_safely(path)


def test_mmengine_uses_it_when_told(tmp_path, mmengine_loader):
    trap = tmp_path / 'trap'
    bad = save(tmp_path / 'bad.pth', surprise=Foreign(str(trap)))
    use_safe_loading()
    with pytest.raises(ValueError, match='allow-pickle'):
        CheckpointLoader.load_checkpoint(str(bad), map_location='cpu')
    assert not trap.exists()
    use_safe_loading(allow_pickle=True)
    CheckpointLoader.load_checkpoint(str(bad), map_location='cpu')['surprise'].close()
    assert trap.exists()


def test_damaged_and_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.pth'):
        load_checkpoint_safely(tmp_path / 'gone.pth')
    cut(save(tmp_path / 'cut.pth'))
    (tmp_path / 'text.pth').write_text('not a checkpoint')
    (tmp_path / 'empty.pth').write_bytes(b'')
    (tmp_path / 'pickle.pth').write_bytes(pickle.dumps([1]))
    torch.save(torch.ones(1), tmp_path / 'tensor.pth')
    for name in ('cut', 'text', 'empty', 'pickle', 'tensor'):
        with pytest.raises(ValueError, match=f'{name}.pth'):
            load_checkpoint_safely(tmp_path / f'{name}.pth')


@pytest.mark.parametrize(
    'content',
    [
        'root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n',
        '<!DOCTYPE html>\n<html><body>404: not found</body></html>\n',
        '{"state_dict": {}}\n',
        'epoch_3.pth\n',
        'Käfer\n',
        '0.5 0.25\n',
    ],
)
def test_text_files_are_no_checkpoints(tmp_path, content):
    path = tmp_path / 'text.pth'
    path.write_text(content)
    for allow_pickle in (False, True):
        with pytest.raises(ValueError, match='text.pth .*damaged'):
            load_checkpoint_safely(path, allow_pickle=allow_pickle)


def test_every_cut_of_a_legacy_pickle_is_said_to_be_damaged(tmp_path):
    whole = tmp_path / 'whole.pth'
    content = dict(state_dict=dict(w=torch.ones(3)), meta=dict(epoch=300, name='some words'))
    torch.save(content, whole, _use_new_zipfile_serialization=False)
    assert load_checkpoint_safely(whole)['meta']['epoch'] == 300
    data, path = whole.read_bytes(), tmp_path / 'cut.pth'
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match='cut.pth .*damaged'):
            load_checkpoint_safely(path)


def test_complete(tmp_path):
    path = save(tmp_path / 'a.pth')
    assert is_complete(path)
    cut(path)
    assert not is_complete(path)
    assert not is_complete(tmp_path / 'gone.pth')


def test_a_hole_makes_a_file_incomplete(tmp_path):
    path = tmp_path / 'epoch_2.pth'
    torch.save(dict(state_dict=dict(w=torch.ones(5000))), path)
    save(tmp_path / 'epoch_1.pth')
    data = path.read_bytes()
    assert is_complete(path)
    for start in range(0, len(data) - 4096, 4096):
        path.write_bytes(data[:start] + bytes(4096) + data[start + 4096 :])
        assert not is_complete(path)
    assert find_resume_checkpoint(tmp_path) == tmp_path / 'epoch_1.pth'


def test_damage_in_the_table_of_contents_does_not_stop_the_search(tmp_path):
    path = save(tmp_path / 'a.pth')
    whole = path.read_bytes()
    start = whole.index(b'PK\x01\x02')
    complete = []
    for position in range(start, len(whole)):
        path.write_bytes(whole[:position] + b'\xff' + whole[position + 1 :])
        complete.append(is_complete(path))
    assert not all(complete)


def test_resume_follows_the_pointer(tmp_path):
    for name in ('epoch_2.pth', 'epoch_10.pth', 'best_model_mPCK_epoch_10.pth'):
        save(tmp_path / name)
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_2.pth'))
    assert find_resume_checkpoint(tmp_path) == tmp_path / 'epoch_2.pth'


def test_resume_without_a_pointer_takes_the_highest_number(tmp_path):
    for name in ('epoch_2.pth', 'epoch_10.pth', 'best_model_mPCK_epoch_11.pth'):
        save(tmp_path / name)
    assert find_resume_checkpoint(tmp_path) == tmp_path / 'epoch_10.pth'


def test_resume_skips_what_is_half_written(tmp_path):
    for number in (1, 2, 3):
        save(tmp_path / f'epoch_{number}.pth')
    cut(tmp_path / 'epoch_3.pth')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_3.pth'))
    assert find_resume_checkpoint(tmp_path) == tmp_path / 'epoch_2.pth'


@pytest.mark.parametrize('content', [b'', b'\0' * 20, b'\xff\xfe epoch_1.pth', b'x' * 5000])
def test_resume_does_without_a_broken_pointer(tmp_path, content):
    for number in (1, 2):
        save(tmp_path / f'epoch_{number}.pth')
    (tmp_path / 'last_checkpoint').write_bytes(content)
    assert find_resume_checkpoint(tmp_path) == tmp_path / 'epoch_2.pth'


def test_resume_of_a_moved_run(tmp_path):
    save(tmp_path / 'epoch_3.pth')
    (tmp_path / 'last_checkpoint').write_text('/somewhere/else/epoch_3.pth')
    assert find_resume_checkpoint(tmp_path) == tmp_path / 'epoch_3.pth'


def test_nothing_to_resume(tmp_path):
    assert find_resume_checkpoint(tmp_path) is None
    assert find_resume_checkpoint(tmp_path / 'gone') is None
