"""How important each parameter was to what a run has learned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_reduce, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmpose.registry import HOOKS
from torch import Tensor, nn

from kpt_plugins.engine.step_recorder import StepRecorder
from kpt_plugins.models.regularizers import (
    KINDS,
    GradientPower,
    ParameterRegularizer,
    RiemannianWalk,
    SynapticIntelligence,
    accumulate,
    load_importance,
    save_importance,
    squared_output,
    trained_parameters,
)

from .run_parts import evaluation_mode, next_batches, run_model
from .safe_checkpoint_hook import PARTIAL_SUFFIX, publish

FILE_NAME = 'importance.pth'
# Entry of a checkpoint with the path integrals so far.
STATE_KEY = 'path_integral'
_PATH_INTEGRALS = dict(si=SynapticIntelligence, rwalk=RiemannianWalk)


@HOOKS.register_module()
class ParameterImportanceHook(Hook):
    """Writes ``importance.pth`` into the run's folder, for the next step's ParameterRegularizer.

    SI and RWalk are sums over the optimiser's steps, with the gradient of the loss as it was
    before clipping and without the part of the model's own regularizer. EWC and MAS come after
    training, from batches of the training data with the model in evaluation mode. A model that
    has a ``regularizer`` adds what the steps before found important.

    The sums travel in the run's checkpoints, so a resumed run ends with the same file.

    Args:
        kinds (Sequence[str]): Of ``'ewc'``, ``'mas'``, ``'si'`` and ``'rwalk'``.
        num_batches (int): Batches for EWC and MAS, or one epoch if that is less.

    Raises:
        ValueError: For no or unknown kinds, or ``num_batches`` below 1; at a resume, if the
            checkpoint has no sums, or those of another model.
    """

    # the manifest, which says that a step is done, is written after the importances
    priority = 'HIGHEST'

    def __init__(self, kinds: Sequence[str] = KINDS, num_batches: int = 50) -> None:
        unknown = set(kinds) - set(KINDS)
        if unknown or not kinds:
            raise ValueError(
                f'ParameterImportanceHook.kinds is {tuple(kinds)}; expected one or more of {KINDS}'
            )
        if num_batches < 1:
            raise ValueError(
                f'ParameterImportanceHook.num_batches is {num_batches}; expected 1 or more'
            )
        self.kinds = tuple(kinds)
        self.num_batches = num_batches
        self.integrals: dict[str, SynapticIntelligence | RiemannianWalk] = {}
        self._resumed: dict[str, Any] | None = None
        self._recorder: StepRecorder | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        if runner._resume:
            self._resumed = checkpoint.get(STATE_KEY, {})

    def before_train(self, runner: Runner) -> None:
        """Start watching the optimiser."""
        model = run_model(runner)
        parameters = trained_parameters(model)
        wanted = [kind for kind in self.kinds if kind in _PATH_INTEGRALS]
        self.integrals = {kind: _PATH_INTEGRALS[kind](parameters) for kind in wanted}
        if self._resumed is not None:
            self._resume(self._resumed)
        if self.integrals:
            self._recorder = StepRecorder(runner.optim_wrapper, model, parameters, self._update)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        if self.integrals:
            states = {kind: integral.state_dict() for kind, integral in self.integrals.items()}
            checkpoint[STATE_KEY] = _on_cpu(states)

    def after_train(self, runner: Runner) -> None:
        """Compute what is missing and write the file."""
        if self._recorder is not None:
            self._recorder.stop()
        model = run_model(runner)
        found = {kind: integral.finish() for kind, integral in self.integrals.items()}
        found.update(self._from_gradients(runner, model))
        regularizer = getattr(model, 'regularizer', None)
        if regularizer is not None:
            _, earlier = load_importance(regularizer.path)
            for kind in found.keys() & earlier.keys():
                found[kind] = accumulate(kind, found[kind], earlier[kind])
        if is_main_process():
            self._write(Path(runner.work_dir, FILE_NAME), model, found)

    def _resume(self, states: dict[str, Any]) -> None:
        for kind, integral in self.integrals.items():
            if kind not in states:
                raise ValueError(
                    f'the checkpoint to resume from has no path integral for kind {kind!r}: the '
                    f'run was started without it in ParameterImportanceHook.kinds'
                )
            integral.load_state_dict(states[kind])

    def _update(self, gradients: dict[str, Tensor], changes: dict[str, Tensor]) -> None:
        for integral in self.integrals.values():
            integral.update(gradients, changes)

    def _from_gradients(self, runner: Runner, model: nn.Module) -> dict[str, dict[str, Tensor]]:
        """The kinds that need the trained model only."""
        parameters = trained_parameters(model)
        sums = {
            kind: GradientPower(parameters, power)
            for kind, power in dict(ewc=2, mas=1).items()
            if kind in self.kinds
        }
        if not sums:
            return {}
        with evaluation_mode(model), _without_penalty(getattr(model, 'regularizer', None)):
            for data in next_batches(runner, number=self.num_batches):
                data = model.data_preprocessor(data, True)
                if 'ewc' in sums:
                    loss, _ = model.parse_losses(model(**data, mode='loss'))
                    sums['ewc'].add(loss)
                if 'mas' in sums:
                    sums['mas'].add(squared_output(model(**data, mode='tensor')))
        means = {kind: total.mean() for kind, total in sums.items()}
        for tensors in means.values():
            for value in tensors.values():
                all_reduce(value, op='mean')
        return means

    def _write(self, path: Path, model: nn.Module, found: dict[str, dict[str, Tensor]]) -> None:
        partial = path.with_name(path.name + PARTIAL_SUFFIX)
        ordered = {kind: found[kind] for kind in self.kinds}
        save_importance(partial, trained_parameters(model), ordered)
        publish(partial, path)
        for kind, tensors in ordered.items():
            values = torch.cat([value.flatten() for value in tensors.values()])
            print_log(
                f'importance of parameters, {kind}: mean {values.mean():.3g}, largest '
                f'{values.max():.3g}, in {path}',
                'current',
            )


def _on_cpu(state: Any) -> Any:
    """A copy with all tensors on the CPU; what is saved later must not change until then."""
    if isinstance(state, dict):
        return {key: _on_cpu(value) for key, value in state.items()}
    return state.detach().cpu().clone() if isinstance(state, Tensor) else state


@contextmanager
def _without_penalty(regularizer: ParameterRegularizer | None) -> Iterator[None]:
    """The loss as the task alone defines it."""
    if regularizer is None:
        yield
        return
    weight, regularizer.loss_weight = regularizer.loss_weight, 0.0
    try:
        yield
    finally:
        regularizer.loss_weight = weight
