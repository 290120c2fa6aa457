"""Batches of episodes onto the device."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseDataPreprocessor
from mmpose.registry import MODELS


@MODELS.register_module()
class EpisodeDataPreprocessor(BaseDataPreprocessor):
    """Stack, move and normalise the images of episodes.

    Args:
        mean (Sequence[float]): Channel means after the channel swap, in [0, 255].
        std (Sequence[float]): Channel standard deviations.
        bgr_to_rgb (bool): Swap the first and the last channel.
        non_blocking (bool): Copy to the device without waiting.
    """

    def __init__(
        self,
        mean: Sequence[float] = (123.675, 116.28, 103.53),
        std: Sequence[float] = (58.395, 57.12, 57.375),
        bgr_to_rgb: bool = True,
        non_blocking: bool = False,
    ) -> None:
        super().__init__(non_blocking)
        self.bgr_to_rgb = bgr_to_rgb
        self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(-1, 1, 1), persistent=False)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Prepare a batch.

        Args:
            data (dict): ``inputs``, uint8 images (S + 1, 3, H, W) as a list or stacked, and
                ``data_samples``.
            training (bool): Unused; the same in training and test.

        Returns:
            dict: ``inputs`` float Tensor (B, S + 1, 3, H, W), ``data_samples`` on the device.
        """
        inputs = data['inputs']
        if not isinstance(inputs, torch.Tensor):
            inputs = torch.stack(list(inputs))
        inputs = self.cast_data(inputs)
        if self.bgr_to_rgb:
            inputs = inputs.flip(-3)
        inputs = (inputs.float() - self.mean) / self.std
        return dict(inputs=inputs, data_samples=self.cast_data(data['data_samples']))
