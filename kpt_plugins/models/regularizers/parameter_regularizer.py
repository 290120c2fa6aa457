"""A penalty on changes of the parameters that the old keypoints depend on."""

from __future__ import annotations

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn

from .importance_file import KINDS, load_importance


@MODELS.register_module()
class ParameterRegularizer(nn.Module):
    r"""Weighted squared distance of a model's parameters from those of the step before.

    .. math:: \frac\lambda2 \sum_i \Omega_i (\theta_i - \theta^*_i)^2

    This is the penalty of Elastic Weight Consolidation (Kirkpatrick et al., PNAS 2017, equation 3),
    and up to the factor 1/2 that of MAS, SI and RWalk, which differ in the importance
    :math:`\Omega`. Both it and the old parameters come from the file that
    :class:`ParameterImportanceHook` writes. They are no part of the state dict.

    Importances are as small as squared gradients, so ``loss_weight`` is large: that hook logs
    their mean.

    Args:
        kind (str): Which importance: ``'ewc'``, ``'mas'``, ``'si'`` or ``'rwalk'``.
        loss_weight (float): The factor lambda.
        importance (str | None): The file. Needed for training only.

    Raises:
        ValueError: For an unknown ``kind``.
    """

    def __init__(self, kind: str, loss_weight: float = 1.0, importance: str | None = None) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f'regularizer.kind is {kind!r}; expected one of {KINDS}')
        self.kind = kind
        self.loss_weight = loss_weight
        self.path = importance
        self.shapes: dict[str, torch.Size] = {}
        # One vector each, in the order of ``shapes``: a sum over a thousand small tensors is slow.
        self.register_buffer('old_parameters', torch.empty(0), persistent=False)
        self.register_buffer('importance', torch.empty(0), persistent=False)

    def load(self, model: nn.Module | None = None) -> None:
        """Read the file.

        Args:
            model (nn.Module | None): As loaded from the step before; checked to be what the
                importance belongs to.

        Raises:
            FileNotFoundError: If the file does not exist.
            ValueError: If no file is set, it is damaged, lacks the kind, or belongs to another
                model.
        """
        if not self.path:
            raise ValueError(
                'regularizer.importance is not set: the file that ParameterImportanceHook wrote '
                'at the step before'
            )
        parameters, importances = load_importance(self.path)
        if self.kind not in importances:
            raise ValueError(
                f'{self.path} has no importance of kind {self.kind!r}, only {list(importances)}; '
                f'ParameterImportanceHook.kinds of the step before must name it'
            )
        importance = importances[self.kind]
        self.shapes = {name: value.shape for name, value in importance.items()}
        device = self.importance.device
        self.importance = _flat(importance[name] for name in self.shapes).to(device)
        self.old_parameters = _flat(parameters[name] for name in self.shapes).to(device)
        if model is not None:
            self._check(model)

    def forward(self, model: nn.Module) -> Tensor:
        """The penalty, a scalar; of rows that the model has added to a tensor, none.

        Raises:
            ValueError: If the model lacks a parameter of the file, or has another shape.
        """
        assert self.shapes, 'load() comes before forward()'
        change = _flat(self._old_rows(model)) - self.old_parameters
        return 0.5 * self.loss_weight * (self.importance * change * change).sum()

    def gradients(self, model: nn.Module) -> dict[str, Tensor]:
        """Of the penalty, by parameter."""
        parameters = {name: model.get_parameter(name) for name in self.shapes}
        gradients = torch.autograd.grad(self(model), list(parameters.values()))
        return dict(zip(parameters, gradients, strict=True))

    def _old_rows(self, model: nn.Module) -> list[Tensor]:
        """The model's parameters, as many rows of each as the file has."""
        return [self._rows(model, name, shape) for name, shape in self.shapes.items()]

    def _rows(self, model: nn.Module, name: str, shape: torch.Size) -> Tensor:
        try:
            parameter = model.get_parameter(name)
        except AttributeError as error:
            raise ValueError(f'{self.path} has a parameter {name}, the model has none') from error
        rows = parameter[: shape[0]] if shape else parameter
        if rows.shape != shape:
            raise ValueError(
                f'{name} has shape {tuple(parameter.shape)} in the model and {tuple(shape)} in '
                f'{self.path}; expected the same, or more rows in the model'
            )
        return rows

    @torch.no_grad()
    def _check(self, model: nn.Module) -> None:
        vector = _flat(self._old_rows(model)).to(self.old_parameters)
        if torch.equal(vector, self.old_parameters):
            return
        sizes = [shape.numel() for shape in self.shapes.values()]
        pairs = zip(self.shapes, vector.split(sizes), self.old_parameters.split(sizes), strict=True)
        name = next(name for name, own, old in pairs if not torch.equal(own, old))
        raise ValueError(
            f'{self.path} belongs to other weights than the model starts from: {name} differs'
        )


def _flat(tensors) -> Tensor:
    """All values in one vector."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])
