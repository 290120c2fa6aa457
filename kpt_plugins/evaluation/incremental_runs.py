"""Read the runs of an incremental protocol: a folder for each, with a row of scores a step."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNITS = {'pck': ('%',), 'pckh': ('%',), 'mre': ('px', 'mm')}
"""The base metrics and the units their values can have, the default first."""

FIELDS = ('step', 'base', 'thr', 'names', 'new', 'values', 'counts')


@dataclass(frozen=True)
class IncrementalRun:
    """One run of one method, all of its steps.

    Attributes:
        folder: where it was read from.
        method, seed: the folder's name METHOD_seedN in two; without a seed it is None.
        base: ``'pck'``, ``'pckh'`` or ``'mre'``.
        thr: threshold of PCK and PCKh, None for MRE.
        unit: of the values: ``'%'``, ``'px'`` or ``'mm'``.
        steps: names of the keypoints that each step adds.
        matrix: value of every seen keypoint after each step, None where no instance shows it.
        counts: number of test instances that show a keypoint, by name.
        sdr: successful detection rates after each step by threshold; empty unless MRE.
        minutes: time of each step, None where its manifest does not say.
    """

    folder: str
    method: str
    seed: int | None
    base: str
    thr: float | None
    unit: str
    steps: list[list[str]]
    matrix: list[dict[str, float | None]]
    counts: dict[str, int]
    sdr: list[dict[str, float]]
    minutes: list[float | None]

    @property
    def lower_is_better(self) -> bool:
        """Whether the values are errors."""
        return self.base == 'mre'


def load_run(folder: str | Path) -> IncrementalRun:
    """Read ``FOLDER/step{t}/row.json`` of all steps, and ``minutes`` of their ``manifest.json``.

    Raises:
        FileNotFoundError: if the folder has no steps, or a step between others has no row.
        ValueError: if a file is not what it should be, or a row does not continue the one before.
    """
    folder = Path(folder)
    numbers = [
        int(path.name[4:]) for path in folder.glob('step*') if re.fullmatch(r'step\d+', path.name)
    ]
    if not numbers:
        raise FileNotFoundError(f'{folder}: no step0, step1, ... in it: not the folder of a run')
    paths = [folder / f'step{t}' / 'row.json' for t in range(max(numbers) + 1)]
    rows = [_read_row(path, t) for t, path in enumerate(paths)]
    _check_rows(paths, rows)
    match = re.fullmatch(r'(.+)_seed(\d+)', folder.absolute().name)
    return IncrementalRun(
        folder=str(folder),
        method=match[1] if match else folder.absolute().name,
        seed=int(match[2]) if match else None,
        base=rows[0]['base'],
        thr=rows[0]['thr'],
        unit=rows[0]['unit'],
        steps=[row['new'] for row in rows],
        matrix=[{name: row['values'][name] for name in row['names']} for row in rows],
        counts=rows[-1]['counts'],
        sdr=[row.get('sdr', {}) for row in rows],
        minutes=[_read_minutes(path.with_name('manifest.json')) for path in paths],
    )


def load_summary(path: str | Path) -> list[IncrementalRun]:
    """The runs of a summary, which ``summarize_incremental.py`` wrote as JSON.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no such summary.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f'{path}: there is no such file')
    content = _read_json(path)
    try:
        shared = {key: content[key] for key in ('base', 'thr', 'unit', 'steps', 'counts')}
        return [
            IncrementalRun(
                method=method,
                **shared,
                **{key: run[key] for key in ('folder', 'seed', 'matrix', 'sdr', 'minutes')},
            )
            for method, runs in content['methods'].items()
            for run in runs['runs']
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f'{path}: not a summary of runs: {error!r}') from error


def group_runs(runs: Sequence[IncrementalRun]) -> dict[str, list[IncrementalRun]]:
    """The runs of each method, by seed; methods in the order of their first run.

    Raises:
        ValueError: if there is no run, two have the same method and seed, or they cannot be
            compared: other steps, keypoints, base metric or test data.
    """
    if not runs:
        raise ValueError('there is no run to summarize')
    methods: dict[str, list[IncrementalRun]] = {}
    for run in runs:
        for other in methods.setdefault(run.method, []):
            if other.seed == run.seed:
                raise ValueError(f'{other.folder} and {run.folder}: the same method and seed')
        methods[run.method].append(run)
        _check_comparable(runs[0], run)
    return {
        name: sorted(found, key=lambda run: -1 if run.seed is None else run.seed)
        for name, found in methods.items()
    }


def _check_comparable(first: IncrementalRun, other: IncrementalRun) -> None:
    where = f'{first.folder} and {other.folder} cannot be compared'
    if len(first.steps) != len(other.steps):
        raise ValueError(f'{where}: they have {len(first.steps)} and {len(other.steps)} steps')
    for step, (a, b) in enumerate(zip(first.steps, other.steps, strict=True)):
        if a != b:
            raise ValueError(f'{where}: new keypoints of step {step} are {a} and {b}')
    for field in ('base', 'thr', 'unit'):
        a, b = getattr(first, field), getattr(other, field)
        if a != b:
            raise ValueError(f'{where}: {field} is {a!r} and {b!r}')
    for name, count in first.counts.items():
        if other.counts[name] != count:
            raise ValueError(
                f'{where}: {count} and {other.counts[name]} test instances show {name}, so they '
                f'had other test data'
            )


def _check_rows(paths: Sequence[Path], rows: Sequence[dict[str, Any]]) -> None:
    """Refuse rows that do not continue each other, or of different metrics or test data."""
    names: list[str] = []
    for path, row in zip(paths, rows, strict=True):
        if row['names'] != names + row['new']:
            raise ValueError(
                f'{path}: names are {row["names"]}, expected those of the step before, {names}, '
                f'and the new ones, {row["new"]}'
            )
        names = row['names']
    for path, row in zip(paths, rows, strict=True):
        for field in ('base', 'thr', 'unit'):
            if row[field] != rows[0][field]:
                raise ValueError(
                    f'{path}: {field} is {row[field]!r}, in {paths[0]} {rows[0][field]!r}'
                )
        for name, count in row['counts'].items():
            if count != rows[-1]['counts'][name]:
                raise ValueError(
                    f'{path}: {count} test instances show {name}, after the last step '
                    f'{rows[-1]["counts"][name]}: not the same test data'
                )


def _read_row(path: Path, step: int) -> dict[str, Any]:
    """A row file, checked, with its unit."""
    if not path.is_file():
        raise FileNotFoundError(f'{path}: there is no such file; has step {step} been tested?')
    row = _read_json(path)
    missing = [field for field in FIELDS if field not in row]
    if missing:
        raise ValueError(f'{path}: no {", ".join(missing)} in it: not a row of scores')
    for field, kind in (('names', list), ('new', list), ('values', dict), ('counts', dict)):
        if not isinstance(row[field], kind):
            raise ValueError(f'{path}: {field} is {row[field]!r:.80}, expected a {kind.__name__}')
    if row['step'] != step:
        raise ValueError(f'{path}: step is {row["step"]!r}, expected {step}')
    if row['base'] not in UNITS:
        raise ValueError(f'{path}: base is {row["base"]!r}, expected one of {", ".join(UNITS)}')
    row.setdefault('unit', UNITS[row['base']][0])
    if row['unit'] not in UNITS[row['base']]:
        raise ValueError(f'{path}: unit is {row["unit"]!r}, expected {UNITS[row["base"]]}')
    if not row['new']:
        raise ValueError(f'{path}: new is empty, expected the names of new keypoints')
    for field in ('values', 'counts'):
        if set(row[field]) != set(row['names']):
            raise ValueError(
                f'{path}: {field} are those of {sorted(row[field])}, expected {row["names"]}'
            )
    for name, value in row['values'].items():
        if value is not None and not _is_finite(value):
            raise ValueError(f'{path}: the value of {name} is {value!r}, expected a number or null')
    return row


def _read_minutes(path: Path) -> float | None:
    """The minutes of a step's manifest, if it has one that says so."""
    minutes = _read_json(path).get('minutes') if path.is_file() else None
    if minutes is not None and not _is_finite(minutes):
        raise ValueError(f'{path}: minutes is {minutes!r}, expected a number')
    return minutes


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f'{path}: not valid JSON: {error}') from error
    if not isinstance(content, dict):
        raise ValueError(f'{path}: a {type(content).__name__}, expected an object')
    return content


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
