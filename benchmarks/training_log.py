"""What the logs of trainings say."""

from __future__ import annotations

import json
from pathlib import Path


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
