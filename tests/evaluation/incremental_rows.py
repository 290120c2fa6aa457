"""Folders of incremental runs, written by the tests."""

import json

# Values of the keypoints after each step: a and b are learned first, then c, then d.
MATRIX = [
    dict(a=80.0, b=60.0),
    dict(a=70.0, b=65.0, c=50.0),
    dict(a=90.0, b=40.0, c=56.0, d=30.0),
]


def write_run(folder, matrix=MATRIX, minutes=None, **fields):
    """Write a row for each step of a matrix, as IncrementalKeypointMetric does; the folder.

    ``fields`` replace those of every row; ``minutes`` go into manifests.
    """
    names = []
    for step, values in enumerate(matrix):
        row = dict(
            step=step,
            base='pck',
            thr=0.1,
            names=list(values),
            new=[name for name in values if name not in names],
            values=values,
            counts=dict.fromkeys(values, 50),
        )
        names = list(values)
        write_row(folder, step, {**row, **fields})
        if minutes is not None:
            manifest = folder / f'step{step}' / 'manifest.json'
            manifest.write_text(json.dumps(dict(step=step, minutes=minutes[step])))
    return folder


def write_row(folder, step, row):
    """Write one row; the path."""
    path = folder / f'step{step}' / 'row.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(row))
    return path


def change_row(folder, step, /, **fields):
    """Replace fields of a row; those set to None are dropped."""
    row = json.loads((folder / f'step{step}' / 'row.json').read_text()) | fields
    return write_row(folder, step, {k: v for k, v in row.items() if v is not None})
