"""Repairs that must run before mmpose is imported; nothing on disk is changed.

MMPose 1.3.2 is frozen while torch, torchvision, numpy and mmcv move on. Each function here closes
one gap, does nothing where the gap is not there, and may be called any number of times:

* :func:`repair_torchvision` - a torchvision whose compiled part does not fit torch;
* :func:`repair_mmcv_ops` - mmcv without its compiled operators;
* :func:`trust_numpy_types` - resuming with ``torch.load(weights_only=True)``;
* :func:`write_numbers_in_order` - configs with more than ten keypoints, once they are written.

The fifth gap, distributed runs on CPU, is closed in :mod:`kpt_plugins.engine.dist`.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

INSTALL_HINT = 'run `python tools/doctor.py` to see what is missing, or see docs/install.md'

_TORCHVISION_SCHEMAS = (
    'nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor',
    'qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor',
)
# A Library's declarations live only as long as the object does.
_torchvision_library: torch.library.Library | None = None


def apply() -> None:
    """Run all repairs, in the order in which mmpose's imports would fail.

    Raises:
        ImportError: mmcv, mmengine or mmpose is not installed.
    """
    for name in ('mmengine', 'mmcv', 'mmpose'):
        if importlib.util.find_spec(name) is None:
            raise ImportError(f'kpt_plugins needs {name}, which is not installed: {INSTALL_HINT}')
    repair_torchvision()
    repair_mmcv_ops()
    trust_numpy_types()
    write_numbers_in_order()


def greedy_nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
    """Non-maximum suppression in plain PyTorch, O(N^2).

    Args:
        boxes: ``Tensor (N, 4)`` as x1, y1, x2, y2.
        scores: ``Tensor (N,)``.
        iou_threshold: a box is dropped when its IoU with a kept, higher-scored one is greater.
        offset: 1 where x2 and y2 are the last pixels *inside* the box (mmcv's old convention).

    Returns:
        ``LongTensor (M,)``: indices of the kept boxes, by falling score.
    """
    order = scores.argsort(descending=True, stable=True)
    boxes = boxes[order]
    size = (boxes[:, 2:] - boxes[:, :2] + offset).clamp(min=0)
    area = size.prod(dim=1)
    alive = torch.ones(len(boxes), dtype=torch.bool, device=boxes.device)
    for i in range(len(boxes)):
        if not alive[i]:
            continue
        rest = slice(i + 1, None)
        low = torch.maximum(boxes[i, :2], boxes[rest, :2])
        high = torch.minimum(boxes[i, 2:], boxes[rest, 2:])
        inter = (high - low + offset).clamp(min=0).prod(dim=1)
        # Compared as products, so that two empty boxes do not divide zero by zero.
        alive[rest] &= inter <= iou_threshold * (area[i] + area[rest] - inter)
    return order[alive]


def repair_torchvision() -> bool:
    """Make ``import torchvision`` work where its compiled part does not fit torch.

    The PyPI build beside a CPU-only torch fails with "operator torchvision::nms does not exist".
    Only then are the two missing operators declared; torchvision's Python parts, which are all
    that mmpose and we use, work.

    Returns:
        Whether the repair was needed.
    """
    global _torchvision_library
    try:
        importlib.import_module('torchvision')
        return _torchvision_library is not None
    except RuntimeError as error:
        if 'operator torchvision::' not in str(error):
            raise
    library = torch.library.Library('torchvision', 'FRAGMENT')
    for schema in _TORCHVISION_SCHEMAS:
        library.define(schema)
    library.impl(
        'nms',
        lambda dets, scores, iou_threshold: greedy_nms(dets, scores, iou_threshold),
        'CompositeExplicitAutograd',
    )
    _torchvision_library = library
    # The failed import leaves submodules behind that hold on to the half-built package.
    for name in [n for n in sys.modules if n.split('.')[0] == 'torchvision']:
        del sys.modules[name]
    importlib.import_module('torchvision')
    return True


class MissingOps(types.ModuleType):
    """Stands in for ``mmcv._ext``: any operator can be looked up, calling it explains itself.

    ``nms`` works, so that detectors do; the two queries of the build say what they would for a
    build without CUDA.

    Args:
        reason: why the compiled module is not there, part of every error message.
    """

    def __init__(self, reason: str) -> None:
        super().__init__('mmcv._ext', doc=f'Placeholder: {reason}')
        # No loader: mmcv's check_ops_exist() then rightly answers no, and find_spec() works.
        self.__spec__ = importlib.machinery.ModuleSpec('mmcv._ext', loader=None)
        self.reason = reason

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith('__'):
            raise AttributeError(name)

        def missing(*args: Any, **kwargs: Any) -> Any:
            raise RuntimeError(
                f"mmcv's compiled operator '{name}' was called, but {self.reason}. To repair it: "
                'install a C++ compiler (and nvcc for CUDA tensors) and run '
                '`make install MMCV_OPS=1`'
            )

        missing.__name__ = name
        return missing

    @staticmethod
    def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int = 0) -> Tensor:
        return greedy_nms(boxes, scores, iou_threshold, offset)

    @staticmethod
    def get_compiler_version() -> str:
        return 'not available'

    @staticmethod
    def get_compiling_cuda_version() -> str:
        return 'not available'


def repair_mmcv_ops() -> bool:
    """Put a placeholder where mmcv has no (loadable) compiled operators.

    Without it ``import mmcv.ops`` fails, and with it mmpose's ``register_all_modules()``.

    Returns:
        Whether the placeholder is in use.
    """
    if isinstance(sys.modules.get('mmcv._ext'), MissingOps):
        return True
    try:
        importlib.import_module('mmcv._ext')
        return False
    except ModuleNotFoundError:
        reason = 'mmcv was installed without compiled operators'
    except ImportError as error:
        reason = f'the compiled operators of mmcv do not load (built for another torch?): {error}'
    sys.modules['mmcv._ext'] = MissingOps(reason)
    return True


def compiled_ops() -> str:
    """Say which of mmcv's compiled operators are there: ``'none'``, ``'cpu'`` or ``'cuda'``."""
    if repair_mmcv_ops():
        return 'none'
    cuda = sys.modules['mmcv._ext'].get_compiling_cuda_version()
    return 'cpu' if cuda == 'not available' else 'cuda'


def trust_numpy_types() -> None:
    """Let ``torch.load(weights_only=True)`` read the numpy values of a training checkpoint.

    MMEngine keeps logs in ``HistoryBuffer`` (whose methods :mod:`kpt_plugins.apis.checkpoint`
    lets through one by one), numpy arrays and scalars. All are plain data: rebuilding them runs no
    code of the file's choosing.
    """
    from mmengine.logging.history_buffer import HistoryBuffer

    core = np._core if hasattr(np, '_core') else np.core
    dtypes = {type(np.dtype(code)) for code in '?bBhHiIlLqQefdFD'}
    torch.serialization.add_safe_globals(
        [
            HistoryBuffer,
            np.ndarray,
            np.dtype,
            core.multiarray._reconstruct,
            core.multiarray.scalar,
            bytes,  # the content of an empty array
            *sorted(dtypes, key=lambda cls: cls.__name__),
        ]
    )


def write_numbers_in_order() -> None:
    """Let the text of a config (``Config.pretty_text``) keep numeric keys in their order.

    MMEngine sorts all keys as strings, 0, 1, 10, 11, 2, and MMPose takes the order of
    ``metainfo.keypoint_info`` for that of the keypoints: of a detector with more than ten of them,
    whose config was written and read again, mirrored images would exchange wrong keypoints.
    """
    from mmengine.config import config

    config.sorted = _sorted_items  # in place of the builtin, in this module alone


def _sorted_items(items: Iterable[tuple], key: Callable[[tuple], Any]) -> list[tuple]:
    """As ``sorted``, but numeric keys by their number."""
    items = list(items)
    if all(isinstance(name, int) for name, _ in items):
        return sorted(items, key=lambda item: item[0])
    return sorted(items, key=key)
