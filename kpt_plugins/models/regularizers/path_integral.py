"""How much each parameter has done for the loss, summed along the way of training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

Tensors = dict[str, Tensor]


class SynapticIntelligence:
    r"""Importance of Synaptic Intelligence (Zenke, Poole and Ganguli, ICML 2017).

    .. math:: \omega = -\sum_t g_t\,\Delta\theta_t, \qquad
        \Omega = \frac{\max(\omega, 0)}{(\theta_T - \theta_0)^2 + \xi}

    (equations 3 to 5). A parameter whose moves made the loss larger on the whole is not important;
    the paper leaves its negative value to the sum over tasks, the authors' code cuts at zero.

    Args:
        parameters (Mapping[str, Tensor]): The model's own, which training changes.
        damping (float): The ``xi`` of the paper, which used 1e-3 for convolutional networks.
    """

    def __init__(self, parameters: Mapping[str, Tensor], damping: float = 1e-3) -> None:
        self.parameters = parameters
        self.damping = damping
        self.start = _copies(parameters)
        self.integral = _zeros(parameters)

    @torch.no_grad()
    def update(self, gradients: Mapping[str, Tensor], changes: Mapping[str, Tensor]) -> None:
        """Count an optimiser step: the loss's gradients before it, the parameters' changes by it.

        Parameters without a gradient may be left out.
        """
        for name, gradient in gradients.items():
            self.integral[name].addcmul_(gradient, changes[name], value=-1)

    @torch.no_grad()
    def finish(self) -> Tensors:
        """The importance, at the end of training."""
        return {
            name: self.integral[name].clamp(min=0)
            / ((value - self.start[name]).square() + self.damping)
            for name, value in self.parameters.items()
        }

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return dict(start=self.start, integral=self.integral)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another run stopped.

        Raises:
            ValueError: If that was a run of another model.
        """
        for name, tensors in self.state_dict().items():
            _restore(tensors, state[name])


class RiemannianWalk:
    r"""Importance of Riemannian Walk (Chaudhry et al., ECCV 2018).

    .. math:: s = \sum_{\text{intervals}} \max\Bigl(0,
        \frac{-\sum_t g_t \Delta\theta_t}{\frac12 F (\Delta\theta)^2 + \epsilon}\Bigr), \qquad
        \Omega = \frac{F}{\max F} + \frac{s}{\max s}

    ``F``, the diagonal of the Fisher information, is a moving average along training, its
    distance over an interval an approximate divergence of the model's outputs (equations 6 to 8
    there). Fisher and score are each scaled to at most 1 over all parameters before they are added.

    Args:
        parameters (Mapping[str, Tensor]): The model's own, which training changes.
        interval (int): Optimiser steps in an interval.
        rate (float): Share of the newest interval in the moving average; the paper's alpha.
        damping (float): The epsilon of the formula; 1e-3 as in the authors' code.
    """

    _STATE = ('start', 'integral', 'squares', 'fisher', 'score')

    def __init__(
        self,
        parameters: Mapping[str, Tensor],
        interval: int = 10,
        rate: float = 0.9,
        damping: float = 1e-3,
    ) -> None:
        self.parameters = parameters
        self.interval = interval
        self.rate = rate
        self.damping = damping
        self.start = _copies(parameters)
        self.integral = _zeros(parameters)
        self.squares = _zeros(parameters)
        self.fisher = _zeros(parameters)
        self.score = _zeros(parameters)
        self.steps = 0

    @torch.no_grad()
    def update(self, gradients: Mapping[str, Tensor], changes: Mapping[str, Tensor]) -> None:
        """Count an optimiser step, as :meth:`SynapticIntelligence.update`."""
        for name, gradient in gradients.items():
            self.integral[name].addcmul_(gradient, changes[name], value=-1)
            self.squares[name].addcmul_(gradient, gradient)
        self.steps += 1
        if self.steps % self.interval == 0:
            self._close(self.interval)

    @torch.no_grad()
    def finish(self) -> Tensors:
        """The importance, at the end of training; closes an interval that is not full."""
        if self.steps % self.interval:
            self._close(self.steps % self.interval)
        fisher, score = _scaled(self.fisher), _scaled(self.score)
        return {name: fisher[name] + score[name] for name in self.parameters}

    def _close(self, steps: int) -> None:
        """End an interval of so many steps and begin the next."""
        # the average starts at the first interval, not at zero
        rate = 1.0 if self.steps <= self.interval else self.rate
        for name, value in self.parameters.items():
            start, integral, squares = self.start[name], self.integral[name], self.squares[name]
            fisher = self.fisher[name].lerp_(squares / steps, rate)
            distance = 0.5 * fisher * (value - start).square()
            self.score[name] += (integral / (distance + self.damping)).clamp(min=0)
            start.copy_(value)
            integral.zero_()
            squares.zero_()

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs."""
        return dict({name: getattr(self, name) for name in self._STATE}, steps=self.steps)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another run stopped.

        Raises:
            ValueError: If that was a run of another model.
        """
        for name in self._STATE:
            _restore(getattr(self, name), state[name])
        self.steps = state['steps']


def _copies(parameters: Mapping[str, Tensor]) -> Tensors:
    return {name: value.detach().clone() for name, value in parameters.items()}


def _zeros(parameters: Mapping[str, Tensor]) -> Tensors:
    return {name: torch.zeros_like(value.detach()) for name, value in parameters.items()}


def _scaled(tensors: Tensors) -> Tensors:
    """Divided by the largest value of all, if that is not zero."""
    largest = max((value.max() for value in tensors.values()), key=float)
    return {name: value / largest if largest > 0 else value for name, value in tensors.items()}


def _restore(tensors: Tensors, saved: Mapping[str, Tensor]) -> None:
    if {k: v.shape for k, v in tensors.items()} != {k: v.shape for k, v in saved.items()}:
        raise ValueError('the path integral in the checkpoint is that of other parameters')
    for name, value in tensors.items():
        value.copy_(saved[name])
