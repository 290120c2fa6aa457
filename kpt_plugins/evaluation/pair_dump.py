"""Predictions of an evaluation run on disk, to be scored again without the model.

A dump is a plain ``.npz`` file of numbers and strings; reading it never unpickles anything.
Keypoints of all pairs are stored end to end, ``offsets`` says where each pair begins.
"""

from __future__ import annotations

import itertools
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from .pair_record import PairRecord

FORMAT_VERSION = 1
_SCALARS = {
    'pair_index': np.int64,
    'category_id': np.int64,
    'category_name': np.str_,
    'annotation_id': np.int64,
    'img_path': np.str_,
    'num_shots': np.int64,
}
_PER_KEYPOINT = ('target', 'query_visible', 'given_count')


def save_pairs(
    path: str | Path, predictions: Mapping[str, Sequence[PairRecord]], given: str | None = None
) -> None:
    """Write pairs with the predictions of one or several methods.

    Args:
        path: file to write, ending in ``.npz``; replaced at once when complete.
        predictions: the same pairs in the same order for each method's name.
        given: the rule for the supports that the run was scored by, if it is known.

    Raises:
        ValueError: for another suffix, no method, or methods with different pairs.
    """
    path = Path(path)
    if path.suffix != '.npz':
        raise ValueError(f'a dump of predictions must end in .npz, got {path}')
    if not predictions:
        raise ValueError('there is no prediction to dump')
    pairs = next(iter(predictions.values()))
    lengths = [len(record.pred) for record in pairs]
    arrays: dict[str, np.ndarray] = {
        'format_version': np.array(FORMAT_VERSION),
        'methods': np.array(list(predictions), dtype=np.str_),
        'offsets': np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
        'bbox': np.array([record.bbox for record in pairs]).reshape(-1, 4),
    }
    if given is not None:
        arrays['given'] = np.array(given)
    for name, dtype in _SCALARS.items():
        arrays[name] = np.array([getattr(record, name) for record in pairs], dtype=dtype)
    for name in _PER_KEYPOINT:
        arrays[name] = _joined([getattr(record, name) for record in pairs])
    for method, records in predictions.items():
        if [r.pair_index for r in records] != [r.pair_index for r in pairs]:
            raise ValueError(f"the pairs of '{method}' are not those of the other methods")
        arrays[f'pred/{method}'] = _joined([record.pred for record in records])
        arrays[f'scores/{method}'] = _joined([record.scores for record in records])
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f'{path.name}.tmp')
    with open(partial, 'wb') as file:
        np.savez_compressed(file, **arrays)
    os.replace(partial, path)


def load_pairs(path: str | Path) -> dict[str, list[PairRecord]]:
    """Read what :func:`save_pairs` wrote.

    Returns:
        For each method's name its pairs, in the order of the evaluation list.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if it is not a dump of predictions, or of an unknown version.
    """
    arrays = _read(path)
    offsets = arrays['offsets']
    spans = [slice(start, stop) for start, stop in itertools.pairwise(offsets)]
    return {
        str(method): [
            PairRecord(
                **{name: arrays[name][i].item() for name in _SCALARS},
                **{name: arrays[name][span] for name in _PER_KEYPOINT},
                bbox=arrays['bbox'][i],
                pred=arrays[f'pred/{method}'][span],
                scores=arrays[f'scores/{method}'][span],
            )
            for i, span in enumerate(spans)
        ]
        for method in arrays['methods']
    }


def load_given(path: str | Path) -> str | None:
    """The rule for the supports that a dumped run was scored by; None where the file has none.

    Raises:
        FileNotFoundError, ValueError: as :func:`load_pairs`.
    """
    arrays = _read(path)
    return str(arrays['given']) if 'given' in arrays else None


def _read(path: str | Path) -> dict[str, np.ndarray]:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'dump of predictions {path} does not exist')
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise ValueError(f'{path} is not a readable dump of predictions (.npz): {error}') from error
    version = arrays.get('format_version')
    if version is None or int(version) != FORMAT_VERSION:
        raise ValueError(f'{path} is not a dump of predictions of version {FORMAT_VERSION}')
    return arrays


def _joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0)
