import torch

from kpt_plugins.models.layers.view_average import average_views


def shrink(images):
    return torch.nn.functional.avg_pool2d(images[:, :1], 2)


def smooth_images():
    """Blobs near the middle, which every view shows."""
    rows, columns = torch.meshgrid(torch.arange(48.0), torch.arange(64.0), indexing='ij')
    places = torch.tensor([[20.0, 30.0], [28.0, 36.0]])
    maps = [(-((rows - y) ** 2 + (columns - x) ** 2) / 50).exp() for y, x in places]
    return torch.stack(maps)[:, None].expand(-1, 3, -1, -1)


def test_one_view_is_the_image():
    images = smooth_images()
    assert torch.equal(average_views(shrink, images, 1), shrink(images))


def test_views_of_maps_that_move_with_the_image_agree():
    images = smooth_images()
    mean = average_views(shrink, images, 6)
    assert (mean - shrink(images)).abs().max() < 0.03
    assert torch.equal(mean, average_views(shrink, images, 6))


def test_every_view_is_predicted_and_counts_where_it_is_seen():
    seen = []

    def constant(images):
        seen.append(images)
        return torch.full((len(images), 2, 12, 16), float(len(seen)))

    mean = average_views(constant, smooth_images(), 4)
    assert len(seen) == 4 and not torch.equal(seen[0], seen[1])
    torch.testing.assert_close(mean[:, :, 5, 8], torch.full((2, 2), (1 + 2 + 3 + 4) / 4))
    assert mean[0, 0, 0, 0] != mean[0, 0, 5, 8]  # the corner is not in all of them
