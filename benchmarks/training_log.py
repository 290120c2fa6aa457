"""What the logs of trainings say."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

_EPOCH = re.compile(r'Epoch\(train\)\s+\[(\d+)\]')


def training_minutes(*folders: Path) -> float:
    """Time of all training iterations, from the logs; repeated ones count once.

    Of several folders, a run that went on from another's checkpoint comes after that.
    """
    times: dict[int, float] = {}
    logs = (log for folder in folders for log in sorted(folder.glob('*/vis_data/scalars.json')))
    for log in logs:
        for line in log.read_text().splitlines():
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue  # a kill cut it short
            if 'time' in entry:
                times[entry['step']] = entry['time']
    steps = sorted(times)
    lengths = (step - before for before, step in zip([0, *steps], steps, strict=False))
    return sum(times[step] * n for step, n in zip(steps, lengths, strict=True)) / 60


def write_epoch_ends(folders: Sequence[Path], path: Path) -> None:
    """Write of each run the last logged line of every epoch, from its ``console.log`` if any.

    Of an epoch that was trained twice, since a run was broken off, the second time counts.
    """
    parts = []
    for log in (folder / 'console.log' for folder in folders):
        if log.is_file():
            lines = log.read_text(errors='replace').splitlines()
            ends = {found[1]: line for line in lines if (found := _EPOCH.search(line))}
            parts += [f'== {log.parent.name}', *ends.values()]
    path.write_text('\n'.join(parts) + '\n')
