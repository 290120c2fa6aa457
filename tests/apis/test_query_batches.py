"""Queries in batches."""

import numpy as np
import pytest

from kpt_plugins.apis import query_batches
from kpt_plugins.apis.query_batches import find_queries, read_batches

IMAGE = np.zeros((10, 10, 3), np.uint8)


def batches(inputs, number=1, batch_size=4, alone=False):
    queries = find_queries(inputs, None)
    return list(read_batches(queries, lambda frame, boxes: [0] * number, batch_size, alone))


@pytest.mark.parametrize(
    ('images', 'crops', 'expected'), [(5, 1, [4, 1]), (4, 1, [4]), (3, 3, [2, 1]), (3, 9, [1] * 3)]
)
def test_sizes(images, crops, expected):
    assert [len(batch) for batch in batches([IMAGE] * images, crops)] == expected


def test_large_images_do_not_wait(monkeypatch):
    monkeypatch.setattr(query_batches, '_WAITING_PIXELS', 200)
    assert [len(batch) for batch in batches([IMAGE] * 5)] == [2, 2, 1]


def test_errors_keep_their_place():
    (batch,) = batches([IMAGE, 'gone.png', IMAGE])
    assert [query.error is None for query in batch] == [True, False, True]
    with pytest.raises(FileNotFoundError, match='gone.png'):
        batches(['gone.png'], alone=True)


def test_boxes_of_a_list_go_with_its_inputs(tmp_path):
    from kpt_plugins.visualization import write_image

    for name in 'ab':
        write_image(tmp_path / f'{name}.png', IMAGE)
    queries = find_queries([IMAGE, tmp_path, IMAGE], [1, 2, 3])
    assert [boxes for _, boxes in queries] == [1, 2, 2, 3]
    assert [boxes for _, boxes in find_queries(tmp_path, 5)] == [5, 5]
    box = [0, 0, 5, 5]
    assert [boxes for _, boxes in find_queries([IMAGE] * 4, box)] == [box] * 4
    assert [boxes for _, boxes in find_queries([IMAGE] * 4, [box, None] * 2)] == [box, None] * 2
