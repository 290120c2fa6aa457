"""Checkpoints of other code bases with the names of this one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from mmengine.config import Config
from torch import Tensor, nn

from kpt_plugins.engine.hooks.safe_checkpoint_hook import PARTIAL_SUFFIX, publish

from .checkpoint import load_checkpoint_safely
from .model_loading import build_model, wrong_weights
from .run_config import walk_dicts

FMMP_NOTE = (
    'The architecture is the same, so all weights are taken over. What the released code does '
    'otherwise: it links padded keypoints in reverse order, which the config inside the converted '
    'checkpoint does too (give KeypointPadding legacy_order=True in a config of your own); a '
    'support keypoint right of its crop shifts the order code of those after it, and with several '
    "supports queries take the last one's references: these two slips are not reproduced."
)
MMPOSE_NOTE = 'Renamed for MMPose 1.x; codec, test_cfg and pipelines are those of the config given.'

# Parts of the released FMMP code and of ours. A part is a prefix of parameters' names; the first
# group of a pattern, if any, is the number of the layer.
_PARTS = {
    r'backbone\.': 'backbone.',
    r'predictor\.pos_embed_proj\.layers\.0\.': 'head.position_mlp.0.',
    r'predictor\.pos_embed_proj\.layers\.1\.': 'head.position_mlp.2.',
    r'predictor\.kpt_branch\.(\d+)\.mlp\.': 'head.point_mlps.{}.',
}
_MINERS = {'support_layers': 'support_miners', 'decoder_layers': 'query_miners'}
_MINER_PARTS = {
    'self_attn.': 'attention.',
    'self_norm1.': 'attention_norm.',
    'self_linear1.': 'attention_ffn.0.',
    'self_linear2.': 'attention_ffn.3.',
    'self_norm2.': 'attention_ffn_norm.',
    'deform_attn.projector.0.': 'side_projection.',
    'norm1.': 'mining_norm.',
    'linear1.': 'mining_ffn.0.',
    'linear2.': 'mining_ffn.3.',
    'norm2.': 'mining_ffn_norm.',
}
_BRANCH = re.compile(r'deform_attn\.attn_layers\.(\d+)\.(\w+)\.(weight|bias)$')
_MINER = re.compile(r'predictor\.(support_layers|decoder_layers)\.(\d+)\.')
_LATERAL = re.compile(r'backbone_projs\.(\d+)\.0\.(weight|bias)$')


def convert_checkpoint(
    cfg: Config,
    source: str | Path,
    out: str | Path,
    allow_pickle: bool = False,
    force: bool = False,
) -> str:
    """Write a checkpoint of the released FMMP code or of MMPose 0.x as one for this package.

    Args:
        cfg: Of the model that the weights are for; it goes into the new checkpoint.
        source: The old checkpoint; parameters' names tell which kind it is.
        out: The new one.
        allow_pickle: As of :func:`load_checkpoint_safely`.
        force: Replace ``out``.

    Returns:
        What the user should know about the result.

    Raises:
        FileExistsError: If ``out`` is there and not ``force``.
        FileNotFoundError: If there is no ``source``.
        ValueError: If ``source`` is of neither kind, or its parameters are not those of the model:
            all that are unknown, missing or of another shape are listed.
    """
    out = Path(out)
    if out.exists() and not force:
        raise FileExistsError(f'{out} exists; choose another name, or --force to replace it')
    content = load_checkpoint_safely(source, 'cpu', allow_pickle)
    # without the versions of its modules, so that MMPose takes it for an old one
    state = dict(content.get('state_dict', content))
    if any(key.startswith('predictor.decoder_layers.') for key in state):
        state, note = convert_fmmp(state, source), FMMP_NOTE
        for transform in walk_dicts(cfg._cfg_dict):
            if transform.get('type') == 'KeypointPadding':
                transform['legacy_order'] = True
    elif any(key.startswith('keypoint_head.') for key in state):
        note = MMPOSE_NOTE  # MMPose renames them itself, as it loads them
    else:
        raise ValueError(
            f'{source} is no checkpoint of the released FMMP code (predictor.decoder_layers...) or '
            f'of MMPose 0.x (keypoint_head...); its parameters begin with '
            f'{", ".join(sorted({key.partition(".")[0] for key in state}))}'
        )
    model = build_model(cfg)
    _load_all(model, state, source, cfg)
    meta = dict(cfg=cfg.pretty_text, converted_from=Path(source).name)
    partial = out.with_name(out.name + PARTIAL_SUFFIX)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        torch.save(dict(meta=meta, state_dict=model.state_dict()), partial)
        publish(partial, out)
    except (OSError, RuntimeError) as error:  # PyTorch raises the latter where there is no folder
        raise ValueError(f'{out}: the file cannot be written ({error})') from error
    return note


def convert_fmmp(state: Mapping[str, Tensor], source: str | Path = 'state dict') -> dict:
    """Rename and stack the parameters of the released FMMP code (``ExtLocDetector``).

    Its M deformable attentions of a miner are one here: their linear maps are stacked along the
    outputs, and each output projection is transposed.

    Args:
        state: All parameters and buffers.
        source: What messages call it.

    Returns:
        dict: For a ``FewShotPoseEstimator`` with ``TopDownPyramid`` and ``FMMPHead``.

    Raises:
        ValueError: Listing parameters that have no place here: of variants of the architecture
            that the released config does not use.
    """
    levels = sum(1 for key in state if _LATERAL.match(key) and key.endswith('weight'))
    converted: dict[str, Tensor] = {}
    branches: dict[str, dict[int, Tensor]] = {}
    unknown = []
    for key, value in state.items():
        miner, lateral = _MINER.match(key), _LATERAL.match(key)
        part = miner and _BRANCH.match(key[miner.end() :])
        if part:
            prefix = f'head.{_MINERS[miner[1]]}.{miner[2]}.'
            name = f'{prefix}|{part[2]}.{part[3]}'
            branches.setdefault(name, {})[int(part[1])] = value
        elif lateral:
            # theirs are coarsest first
            converted[f'neck.laterals.{levels - 1 - int(lateral[1])}.{lateral[2]}'] = value
        elif (name := _renamed(key, miner)) is not None:
            converted[name] = value
        else:
            unknown.append(key)
    for name, parts in branches.items():
        prefix, _, parameter = name.partition('|')
        stack = _STACKS.get(parameter)
        if stack is None:
            unknown.append(name.replace('|', '...attn_layers...'))
            continue
        converted[prefix + stack[0]] = stack[1]([parts[i] for i in sorted(parts)])
    if unknown:
        raise ValueError(
            f'{source} has {len(unknown)} parameters that the published architecture has not: '
            f'{", ".join(unknown)}; it was trained with options that have no counterpart here'
        )
    return converted


def _renamed(key: str, miner: re.Match | None) -> str | None:
    if miner:
        rest = key[miner.end() :]
        for theirs, ours in _MINER_PARTS.items():
            if rest.startswith(theirs):
                prefix = f'head.{_MINERS[miner[1]]}.{miner[2]}.'
                return prefix + ours + rest.removeprefix(theirs)
        return None
    for pattern, ours in _PARTS.items():
        if found := re.match(pattern, key):
            return ours.format(*found.groups()) + key[found.end() :]
    return None


def _outputs(weights: list[Tensor]) -> Tensor:
    return torch.stack([weight.T for weight in weights])


def _values(weights: list[Tensor]) -> Tensor:
    return torch.cat(weights)[:, :, None, None]


# Of a deformable attention: the name here, and how those of all branches become one.
_STACKS = {
    'sampling_offsets.weight': ('sampling_offsets.weight', torch.cat),
    'sampling_offsets.bias': ('sampling_offsets.bias', torch.cat),
    'attention_weights.weight': ('sampling_weights.weight', torch.cat),
    'attention_weights.bias': ('sampling_weights.bias', torch.cat),
    'value_proj.weight': ('values.weight', _values),
    'value_proj.bias': ('values.bias', torch.cat),
    'output_proj.weight': ('outputs', _outputs),
    'output_proj.bias': ('output_bias', lambda biases: torch.stack(biases)[:, None]),
}


def _load_all(model: nn.Module, state: dict, source: str | Path, cfg: Config) -> None:
    try:
        found = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        raise wrong_weights(error, source, cfg) from error
    problems = [
        f'{what}: {", ".join(keys)}'
        for what, keys in (
            ('unknown parameters', found.unexpected_keys),
            ('missing parameters', found.missing_keys),
        )
        if keys
    ]
    if problems:
        raise ValueError(
            f'{source} has not the weights of the model of {cfg.filename or "this config"}: '
            f'{"; ".join(problems)}'
        )
