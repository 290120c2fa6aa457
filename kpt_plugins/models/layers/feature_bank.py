"""What banks of features have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from kpt_plugins.models.checkpoint_mismatch import CheckpointMismatchError


class FeatureBank(nn.Module):
    """Rows of features in buffers: saved, moved between devices, never trained.

    ``half()``, ``bfloat16()`` and ``to(dtype)`` leave its precision alone, because averages over a
    training run lose small contributions in less than single precision.
    """

    # The buffer whose rows are counted, what they are, and which fields of the config say how
    # many, for the message about a checkpoint.
    counted = ''
    row_name = ''
    fields = ''

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> FeatureBank:
        def keep_precision(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            return moved if moved.dtype == tensor.dtype else tensor.to(moved.device)

        return super()._apply(keep_precision, recurse)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: Any) -> None:
        """Raises CheckpointMismatchError for other rows; MMEngine would only warn."""
        own, found = getattr(self, self.counted), state_dict.get(prefix + self.counted)
        if found is not None and found.shape != own.shape:
            raise CheckpointMismatchError(
                f'{prefix}{self.counted} of the checkpoint has {found.shape[0]} {self.row_name} of '
                f'{found.shape[1]} numbers; the model has {own.shape[0]} of {own.shape[1]}, by '
                f'{self.fields} of its config'
            )
        super()._load_from_state_dict(state_dict, prefix, *args)


def unit(vectors: Tensor) -> Tensor:
    """Vectors (..., D) of length one, in single precision; zero stays zero."""
    return torch.nn.functional.normalize(vectors.float(), dim=-1)
