"""Cost of weak-shot learning: a training step, inference, and the diffusion backbone's read-out.

Prints, from alternating runs in one process,

* the full method's training step / one of base only, in two readings: on as many images, all of
  them labelled, and on the same mixed batch, whose novel images base only leaves out;
* inference, the prompts' heatmaps with and without their points / heatmaps of the bare backbone
  with deconvolutions as wide as the weak-shot neck;
* for a diffusion backbone: what its read-out keeps for the backward pass / the spec's formula, and
  what it saves when gradients do not pass through the UNet, in kept memory and in time;

and with ``--memory`` the peak memory of each, every one in a process of its own.

The diffusion model is a tiny one with random weights, written to a temporary folder; a real one by
``--diffusion FOLDER``, none by ``--no-diffusion``.

Examples:
    python benchmarks/weakshot_speed.py --memory
    python benchmarks/weakshot_speed.py --config weakshot_mp100_split1 --pairs 4 --rounds 3
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from diffusion_readout import (
    build_backbone,
    formula_mib,
    kept_mib,
    make_images,
    prompt_step,
    write_tiny_diffusion,
)
from memory import peak_growth
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from timing import alternate, machine
from torch import nn
from weakshot_runs import with_losses

from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.run_config import load_config

KEYPOINTS = 18
FULL, LABELLED, SKIPPED = 'full', 'labelled', 'skipped'
STEPS = {
    LABELLED: 'base only on as many images, all labelled',
    SKIPPED: 'base only, novel images left out',
}
BARE, MAPS, POINTS = 'bare', 'maps', 'points'
READINGS = {MAPS: 'heatmaps', POINTS: 'heatmaps and points'}
THROUGH, KEYS = 'through', 'keys'
"""Gradients through the UNet; through the keys of the read-out alone."""


def make_batch(
    cfg: Config, pairs: int, all_labelled: bool
) -> tuple[torch.Tensor, list[PoseDataSample]]:
    """Random crops of pairs, every second pair novel or, with ``all_labelled``, none."""
    width, height = _input_size(cfg)
    generator = torch.Generator().manual_seed(0)
    samples = []
    for number in range(2 * pairs):
        is_base = all_labelled or number // 2 % 2 == 0
        sample = PoseDataSample(metainfo=dict(category_id=number // 2, is_base=is_base))
        points = torch.rand(1, KEYPOINTS, 2, generator=generator)
        if is_base:
            sample.gt_instance_labels = InstanceData(
                keypoints=points, keypoints_visible=torch.ones(1, KEYPOINTS)
            )
        samples.append(sample)
    return torch.randn(2 * pairs, 3, height, width, generator=generator), samples


def _input_size(cfg: Config) -> tuple[int, int]:
    """(width, height) of the test crops."""
    pipeline = cfg.test_dataloader.dataset.pipeline
    (size,) = (t.input_size for t in pipeline if t.type == 'TopdownAffine')
    return tuple(size)


def training_step(name: str, kind: str, pairs: int) -> Callable[[], None]:
    """A step of the full method after its warm-up, or of base only."""
    cfg = load_config(name, {} if kind == FULL else with_losses())
    torch.manual_seed(0)
    model = build_model(cfg).train()
    inputs, samples = make_batch(cfg, pairs, kind == LABELLED)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-4)

    def step() -> None:
        loss, _ = model.parse_losses(model.loss(inputs, samples))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def bare_detector(cfg: Config, map_size: Sequence[int], inputs: torch.Tensor) -> nn.Module:
    """The same backbone with deconvolutions from its last level to maps of the same size.

    Raises:
        ValueError: if the sizes of the backbone's last level and of the maps do not fit.
    """
    backbone = MODELS.build(cfg.model.backbone)
    backbone.eval()  # MMPose's return nothing
    with torch.no_grad():
        last = backbone(inputs[:1])[-1]
    ratio = map_size[0] / last.shape[2]
    number = max(round(ratio).bit_length() - 1, 0)
    if ratio != 2**number or map_size[1] != last.shape[3] * ratio:
        raise ValueError(
            f'last level {tuple(last.shape[2:])} and maps {tuple(map_size)}; expected maps that '
            'are 1, 2, 4, 8 ... times as large'
        )
    width = cfg.model.neck.out_channels
    head = dict(
        type='HeatmapHead',
        in_channels=last.shape[1],
        out_channels=KEYPOINTS,
        deconv_out_channels=(width,) * number or None,
        deconv_kernel_sizes=(4,) * number or None,
        loss=dict(type='KeypointMSELoss'),
    )
    return nn.ModuleDict(dict(backbone=backbone, head=MODELS.build(head).eval()))


def inference(name: str, kind: str, pairs: int) -> Callable[[], None]:
    """Heatmaps of a batch, of the bare detector or of the prompts; with or without points."""
    cfg = load_config(name)
    model = build_model(cfg).eval()
    inputs, _ = make_batch(cfg, pairs, True)
    if kind == BARE:
        with torch.no_grad():
            size = model.heatmaps(model.extract_feat(inputs[:1])).shape[-2:]
        model = bare_detector(cfg, size, inputs)

    @torch.no_grad()
    def run() -> None:
        if kind == BARE:
            model['head'](model['backbone'](inputs))
            return
        maps = model.heatmaps(model.extract_feat(inputs))
        if kind == POINTS:
            model.decode(maps)

    return run


def compare(name: str, pairs: int, rounds: int) -> None:
    """Print ratios of times."""
    print(f'{name}, {pairs} pairs a batch')
    times = alternate(
        {kind: training_step(name, kind, pairs) for kind in (FULL, *STEPS)}, rounds, 'cpu'
    )
    for kind, title in STEPS.items():
        _print_ratio(f'training step, full / {title}', times[FULL], times[kind])
    times = alternate(
        {kind: inference(name, kind, pairs) for kind in (BARE, *READINGS)}, rounds, 'cpu'
    )
    for kind, title in READINGS.items():
        _print_ratio(f'inference, {title} / bare backbone with heatmaps', times[kind], times[BARE])


def compare_memory(args: argparse.Namespace) -> None:
    """Print ratios of peak memory."""
    peaks = {kind: peak_memory(args, kind) for kind in (FULL, *STEPS, BARE, POINTS)}
    for kind, title in STEPS.items():
        _print_memory(f'peak memory of training, full / {title}', peaks[FULL], peaks[kind])
    title = 'peak memory of inference, weak-shot / bare backbone with heatmaps'
    _print_memory(title, peaks[POINTS], peaks[BARE])


def compare_diffusion(args: argparse.Namespace, folder: Path) -> None:
    """Print what the read-out keeps, and what it costs to go through the UNet."""
    number, size = args.images, args.map_size
    kept, steps = {}, {}
    for kind in (THROUGH, KEYS):
        backbone = build_backbone(folder, kind == THROUGH, size)
        images = make_images(backbone, number)
        kept[kind] = kept_mib(backbone, lambda b=backbone, i=images: b(i))
        steps[kind] = prompt_step(backbone, images)
    tokens, formula = len(backbone.prompts), formula_mib(backbone, number, size)
    print(f'diffusion backbone, {number} images, maps of {size} x {size}, {tokens} tokens')
    # Without a graph in the UNet, the read-out is all that is kept.
    _print_memory('read-out, kept for backward / formula', kept[KEYS], formula)
    _print_memory('kept for backward, through the UNet / keys alone', kept[THROUGH], kept[KEYS])
    times = alternate(steps, args.rounds, 'cpu')
    _print_ratio('step, through the UNet / keys alone', times[THROUGH], times[KEYS])
    if args.memory:
        peaks = {kind: peak_memory(args, kind, folder) for kind in (THROUGH, KEYS)}
        title = 'peak memory of a step, through the UNet / keys alone'
        _print_memory(title, peaks[THROUGH], peaks[KEYS])


def peak_memory(args: argparse.Namespace, kind: str, folder: Path | None = None) -> float:
    """Growth of the resident memory by three steps in MiB, in a process of its own."""
    command = [sys.executable, __file__, '--config', args.config, '--pairs', args.pairs]
    command += ['--images', args.images, '--map-size', args.map_size, '--only', kind]
    command += ['--diffusion', folder] if folder else []
    done = subprocess.run([*map(str, command)], check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout.split()[-1])


def run_only(args: argparse.Namespace) -> None:
    """Three steps of one kind; prints the growth of the peak memory in MiB."""
    if args.only in (THROUGH, KEYS):
        backbone = build_backbone(args.diffusion, args.only == THROUGH, args.map_size)
        step = prompt_step(backbone, make_images(backbone, args.images))
    else:
        make = training_step if args.only in (FULL, *STEPS) else inference
        step = make(args.config, args.only, args.pairs)
    print(peak_growth(step))


def _print_ratio(title: str, first: float, second: float) -> None:
    numbers = f'{1000 * first:.1f} and {1000 * second:.1f} ms'
    print(f'{title}: {first / second:.2f} ({numbers})', flush=True)


def _print_memory(title: str, first: float, second: float) -> None:
    print(f'{title}: {first / second:.2f} ({first:.1f} and {second:.1f} MiB)', flush=True)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--config', default='weakshot_synth', help='of a weak-shot model')
    parser.add_argument('--pairs', type=int, default=16, help='a batch, half of them novel')
    parser.add_argument('--rounds', type=int, default=15, help='timed runs of each')
    parser.add_argument('--memory', action='store_true', help='measure peak memory as well')
    parser.add_argument('--images', type=int, default=4, help='of the diffusion backbone')
    parser.add_argument('--map-size', type=int, default=64, help="of the diffusion's prompt maps")
    group = parser.add_mutually_exclusive_group()
    group.add_argument('--diffusion', type=Path, metavar='FOLDER', help='a model to measure')
    group.add_argument('--no-diffusion', action='store_true', help='leave that part out')
    kinds = (FULL, *STEPS, BARE, *READINGS, THROUGH, KEYS)
    parser.add_argument('--only', choices=kinds, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.pairs < 2:
        parser.error(f'--pairs {args.pairs}: expected 2 or more, a base and a novel one')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    if args.only:
        return run_only(args)
    print(machine())
    compare(args.config, args.pairs, args.rounds)
    if args.memory:
        compare_memory(args)
    if args.no_diffusion:
        return
    with tempfile.TemporaryDirectory() as folder:
        compare_diffusion(args, args.diffusion or write_tiny_diffusion(Path(folder)))


if __name__ == '__main__':
    main()
