"""A penalty on changes of the parameters that the old keypoints depend on."""

from __future__ import annotations

import torch
from mmpose.registry import MODELS
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

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
        # One vector each, in the order of ``shapes``: buffers follow the model to its device.
        self.register_buffer('old_parameters', torch.empty(0), persistent=False)
        self.register_buffer('root_importance', torch.empty(0), persistent=False)

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
        device = self.old_parameters.device
        self.root_importance = _flat(importance[name] for name in self.shapes).sqrt().to(device)
        self.old_parameters = _flat(parameters[name] for name in self.shapes).to(device)
        if model is not None:
            self._check(model)

    def forward(self, model: nn.Module) -> Tensor:
        """The penalty, a scalar; of rows that the model has added to a tensor, none.

        Raises:
            ValueError: If the model lacks a parameter of the file, or has another shape.
        """
        assert self.shapes, 'load() comes before forward()'
        return self.loss_weight * _HalfSquaredDistance.apply(
            self._tensors(self.old_parameters),
            self._tensors(self.root_importance),
            *self._old_rows(model),
        )

    def gradients(self, model: nn.Module) -> dict[str, Tensor]:
        """Of the penalty, by parameter; without those that are frozen."""
        parameters = {name: model.get_parameter(name) for name in self.shapes}
        parameters = {name: value for name, value in parameters.items() if value.requires_grad}
        gradients = torch.autograd.grad(self(model), list(parameters.values()))
        return dict(zip(parameters, gradients, strict=True))

    def _tensors(self, vector: Tensor) -> list[Tensor]:
        """A vector of all values as tensors of the parameters' shapes, without copies."""
        parts = vector.split([shape.numel() for shape in self.shapes.values()])
        return [part.view(shape) for part, shape in zip(parts, self.shapes.values(), strict=True)]

    def _old_rows(self, model: nn.Module) -> list[Tensor]:
        """The model's parameters, as many rows of each as the file has."""
        return [self._rows(model, name, shape) for name, shape in self.shapes.items()]

    def _rows(self, model: nn.Module, name: str, shape: torch.Size) -> Tensor:
        try:
            parameter = model.get_parameter(name)
        except AttributeError as error:
            raise ValueError(f'{self.path} has a parameter {name}, the model has none') from error
        grown = shape and len(parameter) > shape[0]
        rows = parameter[: shape[0]] if grown else parameter  # a slice's backward copies it
        if rows.shape != shape:
            raise ValueError(
                f'{name} has shape {tuple(parameter.shape)} in the model and {tuple(shape)} in '
                f'{self.path}; expected the same, or more rows in the model'
            )
        return rows

    @torch.no_grad()
    def _check(self, model: nn.Module) -> None:
        old = self._tensors(self.old_parameters)
        for name, own, before in zip(self.shapes, self._old_rows(model), old, strict=True):
            if not torch.equal(own.to(before), before):
                raise ValueError(
                    f'{self.path} belongs to other weights than the model starts from: {name} '
                    f'differs'
                )


class _HalfSquaredDistance(torch.autograd.Function):
    """Half the sum of squares of the parameters' changes times the roots of their importances.

    Its backward reuses the products. A plain expression keeps three copies of the model and goes
    through memory three times as often, on a CPU a fifth of a small batch's training step.
    """

    @staticmethod
    def forward(
        ctx: FunctionCtx, old: list[Tensor], roots: list[Tensor], *parameters: Tensor
    ) -> Tensor:
        products = torch._foreach_sub(parameters, old)
        torch._foreach_mul_(products, roots)
        ctx.products, ctx.roots = products, roots
        return 0.5 * torch.stack(torch._foreach_norm(products)).square().sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        gradients = torch._foreach_mul(ctx.products, ctx.roots)
        torch._foreach_mul_(gradients, gradient)
        return None, None, *gradients


def _flat(tensors) -> Tensor:
    """All values in one vector."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])
