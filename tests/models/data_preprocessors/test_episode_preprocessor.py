import pytest
import torch
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample

from kpt_plugins.models.data_preprocessors import EpisodeDataPreprocessor

MEAN, STD = (10.0, 20.0, 30.0), (2.0, 4.0, 8.0)


def images(count=2):
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randint(256, (3, 3, 4, 5), generator=generator, dtype=torch.uint8)
        for _ in range(count)
    ]


@pytest.mark.parametrize('swap', [True, False])
@pytest.mark.parametrize('stacked', [True, False])
def test_normalises_every_pixel(swap, stacked):
    preprocessor = MODELS.build(
        dict(type='EpisodeDataPreprocessor', mean=MEAN, std=STD, bgr_to_rgb=swap)
    )
    assert isinstance(preprocessor, EpisodeDataPreprocessor)
    given = images()
    data = dict(inputs=torch.stack(given) if stacked else given, data_samples=[])
    result = preprocessor(data)['inputs']
    assert result.shape == (2, 3, 3, 4, 5) and result.dtype == torch.float32
    for b, episode in enumerate(given):
        for channel in range(3):
            source = episode[:, 2 - channel if swap else channel].float()
            torch.testing.assert_close(
                result[b, :, channel], (source - MEAN[channel]) / STD[channel]
            )


def test_default_is_imagenet_of_bgr_images():
    """A picture of ImageNet's mean colour, as OpenCV reads it, becomes zero."""
    colour = torch.tensor([103.53, 116.28, 123.675])
    data = dict(inputs=colour.view(1, 1, 3, 1, 1).expand(1, 2, 3, 2, 2), data_samples=[])
    assert EpisodeDataPreprocessor()(data)['inputs'].abs().max() < 1e-5


def test_samples_are_passed_on():
    samples = [PoseDataSample(metainfo=dict(id=number)) for number in range(2)]
    result = EpisodeDataPreprocessor()(dict(inputs=images(), data_samples=samples))
    assert [sample.metainfo['id'] for sample in result['data_samples']] == [0, 1]


def test_constants_are_not_in_the_checkpoint():
    assert not EpisodeDataPreprocessor().state_dict()
