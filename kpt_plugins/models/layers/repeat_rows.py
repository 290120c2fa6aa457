"""Rows of a tensor, each several times."""

from torch import Tensor


def repeat_rows(rows: Tensor, times: int) -> Tensor:
    """Each row of a tensor (G, ...) ``times`` times in a row: (G * times, ...).

    ``repeat_interleave`` along the first axis, whose translation to ONNX is wrong where the number
    of times is not known at export (onnxscript 0.7).
    """
    return rows[:, None].expand(-1, times, *rows.shape[1:]).flatten(0, 1)
