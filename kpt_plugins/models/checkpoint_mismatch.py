"""The error of a module whose part of a checkpoint is of other shapes."""

from __future__ import annotations


class CheckpointMismatchError(ValueError):
    """Weights that are not those of a module, found while it takes them over.

    PyTorch has a ``RuntimeError`` for that, and MMEngine, where it is not strict, a warning; a
    module raises this one where either would not do.
    """
