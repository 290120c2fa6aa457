"""How much a trained model depends on each parameter, from gradients at the end of training."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def trained_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Parameters that training changes and a checkpoint of the model holds, by name."""
    saved = model.state_dict().keys()
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and name in saved
    }


def squared_output(heatmaps: Tensor) -> Tensor:
    """Squared L2 norm of a sample's heatmaps (B, ...), averaged over samples.

    Memory Aware Synapses (Aljundi et al., ECCV 2018) asks how it depends on the
    parameters, since that needs no labels.
    """
    return heatmaps.float().square().sum() / len(heatmaps)


class GradientPower:
    r"""Mean over batches of :math:`|\partial f / \partial \theta|^p`.

    With the task's loss as ``f`` and ``p = 2`` it is the diagonal of the empirical Fisher
    information, the importance of Elastic Weight Consolidation (Kirkpatrick et al., PNAS 2017,
    equation 3); with :func:`squared_output` and ``p = 1`` that of Memory Aware Synapses. The
    papers average over samples; a batch's mean has smaller gradients, which the weight of the
    penalty makes up for.

    Args:
        parameters (Mapping[str, Tensor]): To differentiate by, all with ``requires_grad``.
        power (int): 1 or 2.
    """

    def __init__(self, parameters: Mapping[str, Tensor], power: int) -> None:
        self.parameters = parameters
        self.power = power
        self.sums = {name: torch.zeros_like(value) for name, value in parameters.items()}
        self.count = 0

    def add(self, value: Tensor) -> None:
        """Count a batch's scalar; its graph is freed."""
        gradients = torch.autograd.grad(value, list(self.parameters.values()), allow_unused=True)
        for total, gradient in zip(self.sums.values(), gradients, strict=True):
            if gradient is not None:
                total += gradient.abs() if self.power == 1 else gradient.square()
        self.count += 1

    def mean(self) -> dict[str, Tensor]:
        """The mean so far, by parameter."""
        return {name: total / self.count for name, total in self.sums.items()}
