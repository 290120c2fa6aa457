"""Writing one module as one ONNX file."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

PACKAGES = ('onnx', 'onnxscript')
OLDEST_TORCH = (2, 8)


@dataclass
class Graph:
    """A module to export.

    Attributes:
        module: Takes the inputs in their order and returns a tuple of tensors.
        inputs: Example tensors by name.
        outputs: Names of the outputs.
        free: Inputs whose first axis may have any size, and what that size is called. Those with
            the same name have the same size.
    """

    module: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: Sequence[str]
    free: Mapping[str, str]


def require_packages() -> None:
    """Check that export is possible here.

    Raises:
        ImportError: Naming the package that is missing, or a PyTorch that is too old.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ImportError(
            f'export needs {" and ".join(missing)}, not installed: '
            f"pip install 'kpt_plugins[export]'"
        )
    version = tuple(int(part) for part in torch.__version__.split('.')[:2])
    if version < OLDEST_TORCH:
        raise ImportError(
            f'export needs PyTorch {".".join(map(str, OLDEST_TORCH))} or newer, found '
            f'{torch.__version__}'
        )


@torch.no_grad()
def write_graph(graph: Graph, path: Path) -> None:
    """Export a module, weights included, into one file.

    Raises:
        ValueError: If PyTorch cannot export the module, or not with the free sizes.
    """
    sizes = {name: torch.export.Dim(name) for name in dict.fromkeys(graph.free.values())}
    shapes = {
        name: {0: sizes[graph.free[name]]} if name in graph.free else None for name in graph.inputs
    }
    # PyTorch's exporter by torch.export (dynamo=True): the older one, by tracing, is deprecated
    # and silently fixes sizes that Python code has seen. This one says so, see _check_free.
    with _quiet():
        try:
            program = torch.onnx.export(
                graph.module.eval(),
                tuple(graph.inputs.values()),
                dynamo=True,
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                dynamic_shapes=tuple(shapes.values()),
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            reason = str(error.__cause__ or error).strip().splitlines()[0]
            raise ValueError(f'PyTorch cannot export this model: {reason}') from error
    _check_free(graph, program)
    program.save(path, external_data=False)


def _check_free(graph: Graph, program: torch.onnx.ONNXProgram) -> None:
    for value in program.model.graph.inputs:
        if value.name in graph.free and isinstance(value.shape[0], int):
            raise ValueError(
                f'the model cannot be exported for any {graph.free[value.name]} size: a part of it '
                f'fixes that of its input {value.name} to {value.shape[0]}'
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's notes on its own progress."""
    logger = logging.getLogger('onnxscript')
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logger.setLevel(level)
