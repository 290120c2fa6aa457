import torch

from kpt_plugins.models.layers.local_window import local_window, window_mean

H, W = 5, 7


def test_cells_of_the_window():
    rows, columns = torch.tensor([[0, 2], [4, 3]]), torch.tensor([[0, 3], [6, 5]])
    window = local_window(rows, columns, 1, H, W)
    for b in range(2):
        for n in range(2):
            expected = {
                (y, x)
                for y in range(rows[b, n] - 1, rows[b, n] + 2)
                for x in range(columns[b, n] - 1, columns[b, n] + 2)
                if 0 <= y < H and 0 <= x < W
            }
            found = set()
            for s in range(9):
                if window.inside[b, n, s]:
                    row, column = divmod(window.index[b, n, s].item(), W)
                    found.add((row, column))
                    assert window.centres[b, n, s].tolist() == [column + 0.5, row + 0.5]
            assert found == expected
    assert (window.index >= 0).all() and (window.index < H * W).all()


def test_mean_counts_no_cell_outside():
    window = local_window(torch.tensor(0), torch.tensor(6), 1, H, W)
    # columns 5 and 6, rows 0 and 1, all the same
    mean = window_mean(torch.ones(9), window, H, W)
    torch.testing.assert_close(mean, torch.tensor([6 / 7, 1 / 5]))


def test_mean_under_weights():
    window = local_window(torch.tensor(2), torch.tensor(3), 1, H, W)
    weights = torch.zeros(9)
    weights[3], weights[5] = 1, 3  # left and right of the middle
    mean = window_mean(weights, window, H, W)
    torch.testing.assert_close(mean, torch.tensor([(2.5 + 3 * 4.5) / 4 / W, 2.5 / H]))
    assert window_mean(torch.zeros(9), window, H, W).isfinite().all()
