import cv2
import numpy as np
import pytest

from kpt_plugins.evaluation import draw_steps, load_run, summarize_runs

from .incremental_rows import MATRIX, write_run


def line_colors(path):
    """Names of those of matplotlib's first two colors that an image shows."""
    image = cv2.imread(str(path))[..., ::-1].astype(int)
    colors = dict(blue=(31, 119, 180), orange=(255, 127, 14))
    return {k for k, color in colors.items() if (np.abs(image - color).sum(-1) < 12).sum() > 60}


@pytest.mark.parametrize(
    ('names', 'colors'),
    [(['kamp_seed0'], {'blue'}), (['kamp_seed0', 'kamp_seed1', 'joint'], {'blue', 'orange'})],
)
def test_a_line_for_each_method(tmp_path, names, colors):
    runs = [load_run(write_run(tmp_path / name)) for name in names]
    draw_steps(summarize_runs(runs), tmp_path / 'steps.png')
    assert line_colors(tmp_path / 'steps.png') == colors


def test_steps_without_value_and_many_methods(tmp_path):
    matrix = [dict.fromkeys(row) for row in MATRIX[:1]] + MATRIX[1:]
    runs = [load_run(write_run(tmp_path / f'method{k}', matrix)) for k in range(31)]
    draw_steps(summarize_runs(runs), tmp_path / 'steps.png')
    image = cv2.imread(str(tmp_path / 'steps.png'))
    assert image.shape[0] > 900 and (image < 250).any()
