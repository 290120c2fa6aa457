"""A latent diffusion model from a folder or from the Hugging Face hub, with errors that help."""

from __future__ import annotations

import json
import re
from pathlib import Path

from torch import nn

HUB_ID = re.compile(r'\w[\w.-]*/\w[\w.-]*')
EXPECTED = (
    'expected a folder in the layout of diffusers, with unet/, vae/ and scheduler/, each with its '
    'config and the first two with weights'
)


def load_latent_diffusion(model: str, variant: str | None = None) -> tuple[nn.Module, ...]:
    """Load the three parts of a latent diffusion model that a keypoint detector needs.

    Text encoder, tokenizer and safety checker are not read and need not be there; nor are
    ``transformers`` and ``accelerate``.

    Args:
        model (str): A local folder, else the id of a model on the hub, which is downloaded.
        variant (str | None): Which weights, e.g. 'fp16' for ``*.fp16.safetensors``.

    Returns:
        tuple: ``UNet2DConditionModel``, ``AutoencoderKL``, ``DDIMScheduler``.

    Raises:
        ImportError: Without diffusers.
        FileNotFoundError: If the folder, or a part of it, is not there.
        OSError: If the model cannot be downloaded.
        ValueError: If it is another kind of model, a part of it is damaged, or weights are missing.
    """
    try:
        from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    except ImportError as error:
        raise ImportError(
            'DiffusersUNetBackbone needs the package diffusers: pip install diffusers, or the '
            'extra `diffusion` of kpt_plugins'
        ) from error

    folder = Path(model).expanduser()
    local = folder.exists()
    if local:
        _check_folder(folder)
    elif not HUB_ID.fullmatch(str(model)):
        raise FileNotFoundError(f'{model}: there is no such folder; {EXPECTED}')
    source = dict(
        pretrained_model_name_or_path=str(folder if local else model), local_files_only=local
    )
    unet = _load(UNet2DConditionModel, 'unet', source, variant)
    vae = _load(AutoencoderKL, 'vae', source, variant)
    try:
        scheduler = DDIMScheduler.from_pretrained(**source, subfolder='scheduler')
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise _not_loaded(source, 'scheduler', error) from error
    _check_kind(unet, vae, model)
    return unet, vae, scheduler


def _check_folder(folder: Path) -> None:
    if folder.is_file():
        raise FileNotFoundError(
            f'{folder} is a file; {EXPECTED}. A single checkpoint file is converted with '
            "diffusers' StableDiffusionPipeline.from_single_file(FILE).save_pretrained(FOLDER)"
        )
    parts = ('unet/config.json', 'vae/config.json', 'scheduler/scheduler_config.json')
    if missing := [part for part in parts if not (folder / part).is_file()]:
        there = sorted(path.name for path in folder.iterdir())
        raise FileNotFoundError(
            f'{folder} has no {", ".join(missing)}; {EXPECTED}, found {there or "nothing"}'
        )
    for part in parts:
        try:
            config = json.loads((folder / part).read_text())
        except ValueError as error:
            raise ValueError(f'{folder / part} is damaged, it is no JSON: {error}') from error
        if not isinstance(config, dict):
            raise ValueError(
                f'{folder / part} holds a {type(config).__name__}, expected an object of settings'
            )
    absent = [key for key in ('beta_start', 'beta_end', 'beta_schedule') if key not in config]
    if absent:
        # diffusers fills in values that are not those of Stable Diffusion
        raise ValueError(f'{folder / part} lacks {", ".join(absent)}')


def _load(kind: type, part: str, source: dict, variant: str | None) -> nn.Module:
    try:
        config = kind.load_config(**source, subfolder=part)
    except (OSError, ValueError) as error:
        raise _not_loaded(source, part, error) from error
    # diffusers builds the asked class from any config, filling in what that lacks
    name = config.get('_class_name')
    if name != kind.__name__:
        raise ValueError(
            f'{source["pretrained_model_name_or_path"]}: {part} is a {name}; expected a '
            f'{kind.__name__}, as in Stable Diffusion 1.x and 2.x'
        )
    try:
        model, info = kind.from_pretrained(
            **source,
            subfolder=part,
            variant=variant,
            low_cpu_mem_usage=False,  # the other way needs accelerate
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise _not_loaded(source, part, error, variant) from error
    if absent := [*info['missing_keys'], *(key for key, *_ in info['mismatched_keys'])]:
        raise ValueError(
            f'{source["pretrained_model_name_or_path"]}: the weights of {part} lack {len(absent)} '
            f'of its parameters, e.g. {absent[0]}; the download or conversion is incomplete'
        )
    return model


def _not_loaded(
    source: dict, part: str, error: Exception, variant: str | None = None
) -> OSError | ValueError:
    name = source['pretrained_model_name_or_path']
    reason = ' '.join(str(error).split())[:400]
    if not source['local_files_only']:
        return OSError(
            f'{name} is no folder here, and its {part} could not be had from the Hugging Face hub '
            f'either ({reason}). Without a network: download the model elsewhere and give the '
            "folder's path"
        )
    files = sorted(path.name for path in Path(name, part).iterdir())
    if part != 'scheduler' and not any(f.endswith(('.safetensors', '.bin')) for f in files):
        return FileNotFoundError(f'{name}/{part} has no weights; {EXPECTED}, found {files}')
    return ValueError(
        f'{name}: {part} could not be loaded with variant={variant!r}; its files are {files} '
        f'({reason})'
    )


def _check_kind(unet: nn.Module, vae: nn.Module, model: str) -> None:
    if unet.config.addition_embed_type or unet.config.class_embed_type:
        raise ValueError(
            f'{model}: its UNet wants conditions beside the tokens, as that of Stable Diffusion XL '
            'does; expected a model like Stable Diffusion 1.x or 2.x'
        )
    if unet.config.in_channels != vae.config.latent_channels:
        raise ValueError(
            f'{model}: its UNet takes {unet.config.in_channels} channels and its VAE gives '
            f'{vae.config.latent_channels}; expected a text-to-image model, not one for inpainting'
        )
    if not isinstance(unet.config.cross_attention_dim, int):
        raise ValueError(
            f'{model}: the blocks of its UNet take tokens of different widths, '
            f'{unet.config.cross_attention_dim}; expected one width'
        )
