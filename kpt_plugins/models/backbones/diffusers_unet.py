"""Stable Diffusion as a backbone: features and prompt maps from one denoising step."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmpose.registry import MODELS
from torch import Tensor, nn

from .attention_readout import RecordingProcessor, attention_maps, readout_layers
from .diffusers_loading import load_latent_diffusion
from .prompted_features import PromptedFeatures


@MODELS.register_module()
class DiffusersUNetBackbone(BaseModule):
    """A frozen latent diffusion model with learnable prompts in place of a text's tokens.

    An image becomes a latent, gets the noise of one early diffusion step, and passes the UNet once.
    Its decoder's residual blocks give the features (Diffusion Hyperfeatures), its cross-attention
    to the prompts their maps (StableKeypoints). Images are expected in [-1, 1]: mean and std 127.5
    in the data preprocessor, and RGB.

    ``prompts`` (N + n_sink, D) is the only parameter that learns. The frozen weights are not part
    of the state dict, nor so of checkpoints: 2 MB in place of 3.8 GB, but the model's folder is
    needed for prediction too.

    Args:
        model (str): A folder in diffusers' layout, else a model's id on the Hugging Face hub, e.g.
            'stable-diffusion-v1-5/stable-diffusion-v1-5'. Stable Diffusion 1.x or 2.x.
        num_prompts (int): N, the prompts that may be keypoints.
        num_sinks (int): Prompts that explain the background. The softmax is over all prompts, so
            without them every pixel would be given to some keypoint.
        map_size (int | tuple[int, int]): (height, width) of the prompts' maps; an int for both.
        max_res (int), num_layers (int): Which attention layers are read out: the first
            ``num_layers`` of the decoder with at most ``max_res`` pixels a side.
        timestep (int): Noise level, of the scheduler's training steps.
        feature_layers (Sequence[tuple[int, int]] | None): The residual blocks, (index in
            ``up_blocks``, index in its ``resnets``), whose outputs are the features, in this order;
            by default all of them, finest first.
        feature_prompt (str): 'shared': the prompts are in the UNet when it computes the features;
            'null': a second pass with an all-zero token does that, so that the features do not
            depend on the prompts.
        grad_through_unet (bool): True: gradients reach the prompts through the whole UNet as well.
            False: through the keys of the read-out alone; the UNet runs without a graph.
        variant (str | None): Which weights of the folder, e.g. 'fp16'.
        init_cfg (dict | None): Unused; prompts are drawn from N(0, 1).

    Raises:
        ImportError, OSError, FileNotFoundError, ValueError: As :func:`load_latent_diffusion`.
        ValueError: For arguments out of their range; if no attention layer can be read out.
    """

    def __init__(
        self,
        model: str,
        num_prompts: int = 100,
        num_sinks: int = 16,
        map_size: int | tuple[int, int] = 64,
        max_res: int = 32,
        num_layers: int = 4,
        timestep: int = 1,
        feature_layers: Sequence[tuple[int, int]] | None = None,
        feature_prompt: str = 'shared',
        grad_through_unet: bool = True,
        variant: str | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        for name, value, least in (
            ('num_prompts', num_prompts, 1),
            ('num_sinks', num_sinks, 0),
            ('num_layers', num_layers, 1),
        ):
            if value < least:
                raise ValueError(f'{name}={value}; expected {least} or more')
        if feature_prompt not in ('shared', 'null'):
            raise ValueError(f"feature_prompt={feature_prompt!r}; expected 'shared' or 'null'")
        self.num_prompts = num_prompts
        self.map_size = (map_size, map_size) if isinstance(map_size, int) else tuple(map_size)
        self.feature_prompt = feature_prompt
        self.grad_through_unet = grad_through_unet

        self.unet, self.vae, scheduler = load_latent_diffusion(model, variant)
        self.vae.decoder = None
        self.unet.requires_grad_(False).eval()
        self.vae.requires_grad_(False).eval()
        self.patch = 2 ** (len(self.vae.config.block_out_channels) - 1)
        self.timestep = _checked_timestep(timestep, scheduler)
        signal = scheduler.alphas_cumprod[timestep].item()
        self.signal_rate, self.noise_rate = math.sqrt(signal), math.sqrt(1 - signal)

        width = self.unet.config.cross_attention_dim
        self.prompts = nn.Parameter(torch.randn(num_prompts + num_sinks, width))
        self._readout = self._record_inputs(readout_layers(self.unet, max_res, num_layers))
        self.feature_layers = self._record_features(feature_layers)
        self._register_state_dict_hook(_drop_frozen)
        self._register_load_state_dict_pre_hook(self._restore_frozen)

    def _record_inputs(self, layers: dict[str, int]) -> list[tuple]:
        """Put recording processors on the layers: (layer, its processor, stride) of each."""
        processors = dict(self.unet.attn_processors)
        readout = []
        for name, stride in layers.items():
            processors[name] = RecordingProcessor(processors[name])
            layer = self.unet.get_submodule(name.removesuffix('.processor'))
            readout.append((layer, processors[name], stride))
        self.unet.set_attn_processor(processors)
        return readout

    def _record_features(
        self, layers: Sequence[tuple[int, int]] | None
    ) -> tuple[tuple[int, int], ...]:
        blocks = self.unet.up_blocks
        known = [(b, r) for b, block in enumerate(blocks) for r in range(len(block.resnets))]
        layers = tuple(map(tuple, layers)) if layers is not None else tuple(reversed(known))
        if unknown := [layer for layer in layers if layer not in known]:
            raise ValueError(
                f'feature_layers: {unknown[0]} is none of the (up block, resnet) pairs {known}'
            )
        if not layers:
            raise ValueError('feature_layers is empty; expected at least one pair')
        self._features: dict[tuple[int, int], Tensor] = {}
        for layer in layers:
            resnet = blocks[layer[0]].resnets[layer[1]]
            resnet.register_forward_hook(_FeatureHook(self._features, layer))
        return layers

    @property
    def out_channels(self) -> list[int]:
        """Channels of the feature levels."""
        blocks = self.unet.up_blocks
        return [blocks[b].resnets[r].out_channels for b, r in self.feature_layers]

    def train(self, mode: bool = True) -> DiffusersUNetBackbone:
        """Training mode concerns the noise alone; the frozen parts stay as they are."""
        super().train(mode)
        self.unet.eval()
        self.vae.eval()
        return self

    def forward(self, images: Tensor) -> PromptedFeatures:
        """Features and prompt maps of images.

        Args:
            images (Tensor): (B, 3, H, W) in [-1, 1], RGB; sides are multiples of the VAE's patch
                (8 for Stable Diffusion).

        Returns:
            PromptedFeatures: A tuple of maps (B, C_l, h_l, w_l), one for each of
            ``feature_layers``; its ``prompt_maps`` are (B, N + n_sink, *map_size).

        Raises:
            ValueError: If the image's sides are no such multiples.
        """
        if images.shape[-2] % self.patch or images.shape[-1] % self.patch:
            raise ValueError(
                f'images are {tuple(images.shape[-2:])}; expected sides that are multiples of '
                f'{self.patch}, the patch of the VAE'
            )
        latents = self._noisy_latents(images)
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.grad_through_unet):
            levels = self._run_unet(latents, self.prompts)
        inputs = [processor.take() for _, processor, _ in self._readout]
        maps = self._read_out(inputs, latents.shape[-2:])
        if self.feature_prompt == 'null':
            with torch.no_grad():
                levels = self._run_unet(latents, torch.zeros_like(self.prompts[:1]))
            for _, processor, _ in self._readout:
                processor.take()
        return PromptedFeatures(levels, maps)

    @torch.no_grad()
    def _noisy_latents(self, images: Tensor) -> Tensor:
        latents = self.vae.encode(images).latent_dist.mode() * self.vae.config.scaling_factor
        if self.training:
            noise = torch.randn_like(latents)
        else:
            # The same noise for every image, whatever its batch and device.
            generator = torch.Generator().manual_seed(0)
            noise = torch.randn(1, *latents.shape[1:], generator=generator).to(latents)
        return self.signal_rate * latents + self.noise_rate * noise

    def _run_unet(self, latents: Tensor, tokens: Tensor) -> list[Tensor]:
        tokens = tokens.expand(len(latents), -1, -1)
        self.unet(latents, self.timestep, encoder_hidden_states=tokens)
        levels = [self._features[layer] for layer in self.feature_layers]
        self._features.clear()
        return levels

    def _read_out(self, inputs: list[Tensor], latent_size: Sequence[int]) -> Tensor:
        maps = 0
        for (layer, _, stride), hidden_states in zip(self._readout, inputs, strict=True):
            size = tuple(-(-side // stride) for side in latent_size)
            maps = maps + attention_maps(layer, hidden_states, self.prompts, size, self.map_size)
        return maps / len(inputs)

    def _restore_frozen(self, state_dict: dict, prefix: str, *args: object) -> None:
        """Before loading: refuse other prompts, and fill in what checkpoints leave out."""
        loaded = state_dict.get(f'{prefix}prompts')
        if loaded is not None and loaded.shape != self.prompts.shape:
            raise ValueError(
                f'{prefix}prompts are (number, token width) {tuple(loaded.shape)} in the '
                f'checkpoint; expected {tuple(self.prompts.shape)}: it was trained with another '
                'number of prompts or another diffusion model'
            )
        for part in ('unet', 'vae'):
            for name, value in getattr(self, part).state_dict().items():
                state_dict.setdefault(f'{prefix}{part}.{name}', value)


class _FeatureHook:
    """Keeps a block's output in a dict (a class, so that models can be copied and pickled)."""

    def __init__(self, features: dict, layer: tuple[int, int]) -> None:
        self.features = features
        self.layer = layer

    def __call__(self, module: nn.Module, inputs: tuple, output: Tensor) -> None:
        self.features[self.layer] = output


def _drop_frozen(module: nn.Module, state_dict: dict, prefix: str, metadata: dict) -> None:
    for part in ('unet', 'vae'):
        for name in getattr(module, part).state_dict():
            state_dict.pop(f'{prefix}{part}.{name}', None)


def _checked_timestep(timestep: int, scheduler: object) -> int:
    steps = scheduler.config.num_train_timesteps
    if not 0 <= timestep < steps:
        raise ValueError(f'timestep={timestep}; expected 0 to {steps - 1}')
    return timestep
