"""Checkpoints that are complete or not there at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

PARTIAL_SUFFIX = '.partial'


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """MMEngine's ``CheckpointHook``, safe against kills, power cuts and full disks.

    MMEngine writes into the final file and deletes an old checkpoint before the new one is
    there; interrupted in between, it leaves a broken last checkpoint, or none. Here

    * a checkpoint is written beside its place, flushed to the disk and then renamed, so the file
      under the final name is always complete;
    * ``last_checkpoint`` is replaced in the same way, after the checkpoint;
    * old checkpoints are deleted after both.

    At its peak that takes the space of one checkpoint more. Arguments are those of
    :class:`mmengine.hooks.CheckpointHook`. Storage other than local files is left to MMEngine.

    Raises:
        OSError: if a checkpoint cannot be written, with what is left to resume from.
    """

    # PCK and the like are better the higher; MMEngine's list knows them under other names.
    _default_greater_keys = [*CheckpointHook._default_greater_keys, 'PCK']

    def before_train(self, runner: Runner) -> None:
        """Prepare the folder; sweep out what an interrupted write left."""
        super().before_train(runner)
        self._local = isinstance(self.file_backend, LocalBackend)
        if self._local and is_main_process():
            for partial in Path(self.out_dir).glob(f'*{PARTIAL_SUFFIX}'):
                partial.unlink()
        if self._local:
            self.file_backend = _RemoveLater()

    def _save_checkpoint(self, runner: Runner) -> None:
        super()._save_checkpoint(_SafeRunner(runner) if self._local else runner)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        if not self._local:
            super()._save_checkpoint_with_step(runner, step, meta)
            return
        # ``runner`` is a _SafeRunner here. This does what MMEngine's method does, in the other
        # order: save, point to it, forget the old one.
        surplus = self._keep(runner, step)
        filename = self.filename_tmpl.format(step)
        previous, self.last_ckpt = self.last_ckpt, os.path.join(self.out_dir, filename)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        try:
            runner.save_checkpoint(
                self.out_dir,
                filename,
                self.file_client_args,
                save_optimizer=self.save_optimizer,
                save_param_scheduler=self.save_param_scheduler,
                meta=meta,
                by_epoch=self.by_epoch,
                backend_args=self.backend_args,
                **self.args,
            )
        except BaseException:
            self.last_ckpt = previous
            runner.message_hub.update_info('last_ckpt', previous)
            raise
        if not is_main_process():
            return
        write_atomically(Path(runner.work_dir, 'last_checkpoint'), self.last_ckpt)
        for old in surplus:
            Path(self.out_dir, self.filename_tmpl.format(old)).unlink(missing_ok=True)

    def _keep(self, runner: Runner, step: int) -> list[int]:
        """Enter a step into the list of kept ones; returns the steps that fall out of it."""
        if self.max_keep_ckpts <= 0 or (self.keep_ckpt_ids and self.keep_ckpt_ids[-1] == step):
            return []
        full = len(self.keep_ckpt_ids) == self.max_keep_ckpts
        surplus = [self.keep_ckpt_ids[0]] if full else []
        self.keep_ckpt_ids.append(step)
        runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        return surplus

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        if not self._local:
            super()._save_best_checkpoint(runner, metrics)
            return
        # The parent asks the file backend to remove the old best one, then the runner to save.
        super()._save_best_checkpoint(_SafeRunner(runner), metrics)
        if is_main_process():
            self.file_backend.remove_now(keep=_best_paths(self))


class _SafeRunner:
    """A runner whose ``save_checkpoint`` is all or nothing; everything else is the runner's."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)

    def save_checkpoint(self, out_dir: str, filename: str, *args: Any, **kwargs: Any) -> None:
        final = Path(out_dir, filename)
        partial = final.with_name(final.name + PARTIAL_SUFFIX)
        try:
            self._runner.save_checkpoint(out_dir, partial.name, *args, **kwargs)
            if is_main_process():
                publish(partial, final)
        except OSError as error:
            if is_main_process():
                partial.unlink(missing_ok=True)
            raise OSError(error.errno, _failure(self._runner, final, error)) from error


class _RemoveLater(LocalBackend):
    """A local file backend that only remembers what it should remove."""

    def __init__(self) -> None:
        super().__init__()
        self._doomed: list[Path] = []

    def remove(self, filepath: str | Path) -> None:
        self._doomed.append(Path(filepath))

    def remove_now(self, keep: set[Path]) -> None:
        for path in self._doomed:
            if path not in keep:
                path.unlink(missing_ok=True)
        self._doomed.clear()


def publish(partial: Path, final: Path) -> None:
    """Flush a complete file to the disk and give it its final name, in one step.

    Args:
        partial: the file as written, in the folder of ``final``.
        final: the name under which only complete files appear.
    """
    with open(partial, 'rb') as file:
        os.fsync(file.fileno())
    os.replace(partial, final)
    _sync_folder(final.parent)


def write_atomically(path: Path, text: str) -> None:
    """Replace a small text file in one step."""
    partial = path.with_name(path.name + PARTIAL_SUFFIX)
    partial.write_text(text)
    publish(partial, path)


def _sync_folder(folder: Path) -> None:
    # The rename is only durable once the folder is. Some systems cannot open folders.
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _best_paths(hook: CheckpointHook) -> set[Path]:
    paths = [getattr(hook, 'best_ckpt_path', None)]
    paths += getattr(hook, 'best_ckpt_path_dict', {}).values()
    return {Path(path) for path in paths if path}


def _failure(runner: Runner, path: Path, error: OSError) -> str:
    try:
        last = Path(runner.work_dir, 'last_checkpoint').read_text().strip()
    except OSError:
        last = ''
    rest = f'{last} is intact: make room and run again with --resume' if last else 'none before it'
    return f'checkpoint {path} could not be written ({error.strerror or error}); {rest}'
