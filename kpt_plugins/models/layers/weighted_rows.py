"""Weighted sums of rows of a table, a product of a sparse and a dense matrix."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable


def weighted_rows(table: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """Sum a fixed number of rows of a table, each with its weight.

    Faster than indexing and summing, and without its memory: no row is copied.

    Args:
        table (Tensor): (R, C).
        index (Tensor): Row numbers (Q, P), int32 or int64.
        weight (Tensor): (Q, P), like ``table``.

    Returns:
        Tensor: (Q, C), differentiable once with respect to ``table`` and ``weight``.
    """
    out = F.embedding_bag(index, table.detach(), per_sample_weights=weight, mode='sum')
    return _TableGradient.apply(out, table, index, weight)


class _TableGradient(torch.autograd.Function):
    """Identity of the sums, whose backward is the gradient of the table.

    That is a weighted sum of rows again, of the incoming gradient by the transposed matrix; the
    gradient that ``embedding_bag`` has for its table takes twice the time on CPU.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, out: Tensor, table: Tensor, index: Tensor, weight: Tensor):
        ctx.save_for_backward(index, weight)
        ctx.num_rows = len(table)
        return out.view_as(out)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor):
        if not ctx.needs_input_grad[1]:
            return grad, None, None, None
        index, weight = ctx.saved_tensors
        row, order = index.flatten().sort()
        every_row = torch.arange(ctx.num_rows, dtype=row.dtype, device=row.device)
        start = torch.searchsorted(row, every_row)
        source = torch.div(order, index.shape[1], rounding_mode='floor').to(row.dtype)
        table_grad = F.embedding_bag(
            source,
            grad.contiguous(),
            start.to(row.dtype),
            per_sample_weights=weight.take(order),
            mode='sum',
        )
        return grad, table_grad, None, None
