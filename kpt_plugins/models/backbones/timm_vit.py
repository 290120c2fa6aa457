"""A vision transformer of timm, DINOv2 above all, as a backbone with several levels."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import torch
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor


@MODELS.register_module()
class TimmViTBackbone(BaseModule):
    """Maps of a vision transformer's intermediate layers, all at the patches' resolution.

    Pretrained weights are read in ``init_weights``, that is before training alone: a trained
    checkpoint holds all weights, and predicting from it needs neither network nor file.

    Args:
        model_name (str): timm's name, e.g. 'vit_small_patch14_dinov2.lvd142m'.
        pretrained (bool | str): True: timm's weights of that name, downloaded once; a path: such a
            file; False: random weights.
        out_indices (Sequence[int]): Blocks whose outputs are the levels, in rising order.
        img_size (int | tuple[int, int] | None): Size (height, width) that the position embedding is
            made for, the model's own by default. Images of other sizes have it interpolated.
        frozen (bool): True: no gradients and no graph, always in evaluation mode.
        init_cfg (dict | None): Unused, see ``pretrained``.

    Raises:
        ImportError: Without timm.
        ValueError: If timm has no such model, if it is no vision transformer, or if it has not the
            blocks of ``out_indices``.
        FileNotFoundError: If ``pretrained`` names a file that is not there.
    """

    def __init__(
        self,
        model_name: str = 'vit_small_patch14_dinov2.lvd142m',
        pretrained: bool | str = True,
        out_indices: Sequence[int] = (2, 5, 8, 11),
        img_size: int | tuple[int, int] | None = None,
        frozen: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if isinstance(pretrained, str) and not Path(pretrained).expanduser().is_file():
            raise FileNotFoundError(
                f'pretrained={pretrained!r}: there is no such file; expected weights of '
                f'{model_name}, or True to download them'
            )
        self.model_name = model_name
        self.pretrained = pretrained
        self.frozen = frozen
        # timm's vision transformers take no img_size=None for their own
        self._options = dict(num_classes=0) | (dict(img_size=img_size) if img_size else {})
        self.model = _create(model_name, dynamic_img_size=True, **self._options)
        self.out_indices = _checked_indices(out_indices, len(self.model.blocks), model_name)
        if frozen:
            self.model.requires_grad_(False).eval()

    @property
    def out_channels(self) -> list[int]:
        """Channels of the levels."""
        return [self.model.embed_dim] * len(self.out_indices)

    def init_weights(self) -> None:
        """Read the pretrained weights.

        Raises:
            OSError: If they cannot be downloaded.
            ValueError: If the file has not the weights of this model.
        """
        # Not BaseModule's: timm's models have an init_weights too, which draws random ones.
        if self.pretrained and not self._is_init:
            if self.pretrained is True:
                self._download()
            else:
                self._read(Path(self.pretrained).expanduser())
        self._is_init = True

    def _download(self) -> None:
        try:
            model = _create(
                self.model_name, pretrained=True, dynamic_img_size=True, **self._options
            )
        except Exception as error:  # the hub's client has errors of its own, without a common base
            raise OSError(
                f'the weights of {self.model_name} could not be downloaded ({_short(error)}). '
                'Without a network: download the file elsewhere and set pretrained to its path'
            ) from error
        self.model.load_state_dict(model.state_dict())

    def _read(self, path: Path) -> None:
        from timm.models import load_state_dict

        # Each family has its own, for the layouts of the original releases and the image size.
        tidy = import_module(type(self.model).__module__).checkpoint_filter_fn
        try:
            weights = tidy(load_state_dict(str(path)), self.model)
            missing = self.model.load_state_dict(weights, strict=False).missing_keys
        except Exception as error:  # whatever a file of something else leads to
            raise ValueError(
                f'{path} has not the weights of {self.model_name}: {_short(error)}'
            ) from error
        if missing:
            raise ValueError(
                f'{path} has not the weights of {self.model_name}: {len(missing)} of its '
                f'parameters are missing, e.g. {missing[0]}'
            )

    def train(self, mode: bool = True) -> TimmViTBackbone:
        """Frozen, the model stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.model.eval()
        return self

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Levels of images.

        Args:
            images (Tensor): (B, 3, H, W), normalised; sides are multiples of the patch.

        Returns:
            tuple[Tensor, ...]: Maps (B, C, H / patch, W / patch), one for each of ``out_indices``,
            after the model's final norm.

        Raises:
            ValueError: If the sides are no such multiples.
        """
        patch = self.model.patch_embed.patch_size
        if images.shape[-2] % patch[0] or images.shape[-1] % patch[1]:
            raise ValueError(
                f'images are {tuple(images.shape[-2:])}; {self.model_name} expects sides that are '
                f'multiples of its patch, {patch}'
            )
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            levels = self.model.forward_intermediates(
                images, indices=list(self.out_indices), norm=True, intermediates_only=True
            )
        return tuple(levels)


def _create(name: str, **options: object) -> torch.nn.Module:
    try:
        import timm
    except ImportError as error:
        raise ImportError(
            'TimmViTBackbone needs the package timm: pip install timm, or the extra `all` of '
            'kpt_plugins'
        ) from error
    try:
        known = timm.is_model(name)
    except ValueError:
        known = False
    if not known:
        similar = timm.list_models(f'{name.split(".")[0].rsplit("_", 1)[0]}*')[:5]
        raise ValueError(
            f'model_name={name!r}: timm has no such model' + (f'; it has {similar}' * bool(similar))
        )
    try:
        model = timm.create_model(name, **options)
    except TypeError as error:
        raise ValueError(
            f'model_name={name!r} is no vision transformer whose image size can change ({error})'
        ) from error
    if not hasattr(model, 'blocks') or not hasattr(model, 'forward_intermediates'):
        raise ValueError(f'model_name={name!r} is no plain vision transformer')
    return model


def _short(error: Exception) -> str:
    return ' '.join(str(error).split())[:400]


def _checked_indices(indices: Sequence[int], number: int, name: str) -> tuple[int, ...]:
    indices = tuple(indices)
    if (
        not indices
        or sorted(set(indices)) != list(indices)
        or not 0 <= indices[0] <= indices[-1] < number
    ):
        raise ValueError(
            f'out_indices={indices}; expected different blocks of {name} in rising order, 0 to '
            f'{number - 1}'
        )
    return indices
