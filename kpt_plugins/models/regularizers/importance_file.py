"""What a step of incremental learning tells the next about the importance of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

KINDS = ('ewc', 'mas', 'si', 'rwalk')
Tensors = Mapping[str, Tensor]


def save_importance(
    path: str | Path, parameters: Tensors, importances: Mapping[str, Tensors]
) -> None:
    """Write trained parameters and their importance of each kind, on the CPU."""

    def on_cpu(tensors: Tensors) -> dict[str, Tensor]:
        return {name: value.detach().cpu().clone() for name, value in tensors.items()}

    importances = {kind: on_cpu(tensors) for kind, tensors in importances.items()}
    torch.save(dict(parameters=on_cpu(parameters), importances=importances), path)


def load_importance(path: str | Path) -> tuple[Tensors, dict[str, Tensors]]:
    """Read what :func:`save_importance` wrote, without running any code of the file.

    Returns:
        Parameters by name, and importances by kind and name.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged or something else.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'{path} does not exist; ParameterImportanceHook writes it at the end of the run that '
            f'trained the old detector'
        )
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
        return content['parameters'], content['importances']
    except (UnpicklingError, RuntimeError, EOFError, KeyError, TypeError) as error:
        raise ValueError(
            f'{path} is damaged, or no file of parameter importances: {error}'
        ) from error


def accumulate(kind: str, own: Tensors, earlier: Tensors) -> dict[str, Tensor]:
    """Importance of all steps so far from this step's and that of the steps before.

    The sum for EWC, MAS and SI; for RWalk the mean, as Chaudhry et al. (ECCV 2018)
    do with scores to keep old ones from piling up. Rows that this step has added to a tensor have
    its importance alone.
    """
    result = {}
    for name, value in own.items():
        result[name] = value = value.clone()
        if name in earlier:
            before = earlier[name].to(value)
            shared = value[: len(before)] if value.ndim else value
            shared += before
            if kind == 'rwalk':
                shared /= 2
    return result
