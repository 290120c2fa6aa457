import errno
import os
from pathlib import Path

import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.fileio import LocalBackend

from kpt_plugins.apis.checkpoint import find_resume_checkpoint, is_complete
from kpt_plugins.engine import SafeCheckpointHook

from .toy import ToyDataset, toy_runner


class Scores(BaseMetric):
    """Returns one given score after the other."""

    default_prefix = 'model'

    def __init__(self, scores):
        super().__init__()
        self.scores = list(scores)

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return dict(mPCK=self.scores.pop(0))


def make_runner(work_dir, max_epochs=4, scores=None, resume=False, **kwargs):
    hook = dict(type=SafeCheckpointHook, interval=1, **kwargs)
    validation = {}
    if scores is not None:
        dataset = ToyDataset()
        validation = dict(
            val_dataloader=dict(
                dataset=dataset, sampler=dict(type='DefaultSampler', shuffle=False), batch_size=2
            ),
            val_cfg=dict(),
            val_evaluator=Evaluator(Scores(scores)),
        )
    return toy_runner(
        work_dir,
        max_epochs=max_epochs,
        default_hooks=dict(checkpoint=hook),
        resume=resume,
        **validation,
    )


def names(folder):
    return sorted(path.name for path in Path(folder).glob('*.pth*'))


@pytest.fixture
def full_disk(monkeypatch):
    """Call it to make the disk full: from then on writes of checkpoints stop half way."""

    def fill():
        def put(self, obj, filepath):
            with open(filepath, 'wb') as file:
                file.write(obj[: len(obj) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(LocalBackend, 'put', put)

    return fill


def test_keeps_the_newest_and_points_to_the_last(tmp_path):
    make_runner(tmp_path, max_keep_ckpts=2).train()
    assert names(tmp_path) == ['epoch_3.pth', 'epoch_4.pth']
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'epoch_4.pth')
    assert all(is_complete(tmp_path / name) for name in names(tmp_path))


def test_old_checkpoint_is_deleted_only_when_the_new_one_is_there(tmp_path, monkeypatch):
    order = []
    replace, unlink = os.replace, Path.unlink
    monkeypatch.setattr(
        os, 'replace', lambda a, b: (order.append(f'+{Path(b).name}'), replace(a, b))
    )
    monkeypatch.setattr(
        Path,
        'unlink',
        lambda self, **k: (order.append(f'-{self.name}'), unlink(self, **k)),
    )
    make_runner(tmp_path, max_epochs=2, max_keep_ckpts=1).train()
    new = ['+epoch_2.pth', '+last_checkpoint', '-epoch_1.pth']
    assert order == ['+epoch_1.pth', '+last_checkpoint', *new]


def test_full_disk_leaves_the_previous_checkpoint(tmp_path, full_disk):
    make_runner(tmp_path, max_epochs=2, max_keep_ckpts=1).train()
    before = (tmp_path / 'epoch_2.pth').read_bytes()
    full_disk()
    with pytest.raises(OSError) as error:
        make_runner(tmp_path, max_keep_ckpts=1, resume=True).train()
    assert error.value.errno == errno.ENOSPC
    assert 'epoch_3.pth could not be written' in str(error.value)
    assert 'epoch_2.pth is intact' in str(error.value)
    assert names(tmp_path) == ['epoch_2.pth']
    assert (tmp_path / 'epoch_2.pth').read_bytes() == before
    assert find_resume_checkpoint(tmp_path) == tmp_path / 'epoch_2.pth'


def test_first_save_on_a_full_disk(tmp_path, full_disk):
    full_disk()
    with pytest.raises(OSError, match='none before it'):
        make_runner(tmp_path).train()
    assert find_resume_checkpoint(tmp_path) is None


def test_kill_while_writing_leaves_the_previous_checkpoint(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    make_runner(tmp_path, max_epochs=1).train()

    def killed(self, obj, filepath):
        Path(filepath).write_bytes(obj[:1000])
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(LocalBackend, 'put', killed)
        with pytest.raises(Killed):
            make_runner(tmp_path, resume=True).train()
    # Nobody cleaned up after the kill; what is half written has no name to be resumed from.
    assert names(tmp_path) == ['epoch_1.pth', 'epoch_2.pth.partial']
    assert find_resume_checkpoint(tmp_path) == tmp_path / 'epoch_1.pth'
    make_runner(tmp_path, max_epochs=2, resume=True).train()
    assert names(tmp_path) == ['epoch_1.pth', 'epoch_2.pth']


def test_best_checkpoint(tmp_path):
    runner = make_runner(
        tmp_path, scores=[0.2, 0.5, 0.4, 0.6], save_best='model/mPCK', max_keep_ckpts=1
    )
    runner.train()
    assert names(tmp_path) == ['best_model_mPCK_epoch_4.pth', 'epoch_4.pth']
    best = torch.load(tmp_path / 'best_model_mPCK_epoch_4.pth', weights_only=False)
    assert best['meta']['epoch'] == 4
    assert 'optimizer' not in best


def test_old_best_survives_a_full_disk(tmp_path, full_disk, monkeypatch):
    make_runner(tmp_path, max_epochs=1, scores=[0.2], save_best='model/mPCK').train()
    runner = make_runner(tmp_path, max_epochs=2, scores=[0.3], save_best='model/mPCK', resume=True)
    save = runner.save_checkpoint

    def save_all_but_best(out_dir, filename, *args, **kwargs):
        if 'best' in filename:
            full_disk()
        return save(out_dir, filename, *args, **kwargs)

    monkeypatch.setattr(runner, 'save_checkpoint', save_all_but_best)
    with pytest.raises(OSError, match='best_model_mPCK_epoch_2.pth could not be written'):
        runner.train()
    assert 'best_model_mPCK_epoch_1.pth' in names(tmp_path)
    assert find_resume_checkpoint(tmp_path) == tmp_path / 'epoch_2.pth'


def test_higher_is_better_for_pck():
    hook = SafeCheckpointHook(save_best='model/PCK@0.2')
    assert hook.rules == ['greater']
