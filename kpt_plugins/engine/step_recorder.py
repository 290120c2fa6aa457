"""What an optimiser's steps do to the parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn


class StepRecorder:
    """Tells the gradients before and the changes of parameters by each step of an optimiser.

    MMEngine's ``update_params`` clips gradients in place, steps and deletes the gradients, so none
    of that can be seen between iterations.

    Args:
        wrapper (OptimWrapper): Whose steps to watch.
        model (nn.Module): Whose ``regularizer``'s part is taken out of the gradients.
        parameters (dict[str, nn.Parameter]): Which of its parameters.
        update (Callable): Called after each step with gradients and changes by name, without
            those parameters that have no gradient.
    """

    def __init__(
        self,
        wrapper: OptimWrapper,
        model: nn.Module,
        parameters: dict[str, nn.Parameter],
        update: Callable[[dict[str, Tensor], dict[str, Tensor]], None],
    ) -> None:
        self.model, self.parameters, self.update = model, parameters, update
        self.wrapper = wrapper
        self._unclipped: dict[str, Tensor] | None = None
        self._handles = [
            wrapper.optimizer.register_step_pre_hook(self._before_step),
            wrapper.optimizer.register_step_post_hook(self._after_step),
        ]
        if wrapper.clip_grad_kwargs:
            self._clip = wrapper.clip_func
            wrapper.clip_func = self._before_clipping

    def stop(self) -> None:
        """Leave the optimiser as it was."""
        for handle in self._handles:
            handle.remove()
        if self.wrapper.clip_grad_kwargs:
            self.wrapper.clip_func = self._clip

    def _before_clipping(self, *args: Any, **kwargs: Any) -> Any:
        self._unclipped = {name: value.clone() for name, value in self._gradients().items()}
        return self._clip(*args, **kwargs)

    def _before_step(self, *_: Any) -> None:
        regularizer = getattr(self.model, 'regularizer', None)
        self._penalty = {} if regularizer is None else regularizer.gradients(self.model)
        self._before = {name: p.detach().clone() for name, p in self.parameters.items()}

    @torch.no_grad()
    def _after_step(self, *_: Any) -> None:
        gradients = self._gradients() if self._unclipped is None else self._unclipped
        self._unclipped = None
        for name in gradients.keys() & self._penalty.keys():
            gradients[name] = gradients[name] - self._penalty[name]
        changes = {name: self.parameters[name] - self._before[name] for name in gradients}
        self.update(gradients, changes)
        del self._before, self._penalty

    def _gradients(self) -> dict[str, Tensor]:
        return {name: p.grad for name, p in self.parameters.items() if p.grad is not None}
