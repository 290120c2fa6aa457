"""Cost of KAMP: a training step against the student's own, and inference.

Prints, from alternating runs in one process,

* stage II's training step / the student's plain training step on the same batch, in time and, with
  ``--memory``, in peak memory;
* the same with spatial distillation alone;
* inference with the incremental detector / the plain one of as many keypoints;
* the student's forward passes in a training step.

Examples:
    python benchmarks/ikl_speed.py
    python benchmarks/ikl_speed.py --config configs/ikl_mpii.py --batch-size 4 --rounds 5
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from memory import peak_growth
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmpose.registry import MODELS
from mmpose.structures import PoseDataSample
from timing import alternate, machine
from torch import nn

from kpt_plugins.apis.run_config import load_config
from kpt_plugins.structures.plain_detector import plain_model
from kpt_plugins.structures.triplets import Triplet

VARIANTS = ('plain', 'ksd', 'kamp')


def build(cfg: Config, variant: str, parent: Path) -> nn.Module:
    """The step's model: a plain detector, or the student with its teachers."""
    names = [name for group in cfg.model.steps[: cfg.model.step + 1] for name in group]
    if variant == 'plain':
        model = MODELS.build(plain_model(cfg.model, len(names)))
        return model.train()
    options = dict(cfg.model, parent=str(parent))
    if variant == 'ksd':
        options['ka_net'] = None
    model = MODELS.build(options)
    model.init_weights()
    if model.ka_net is not None:
        new, old = model.steps.new(model.step), model.steps.old(model.step)
        model.set_triplets([Triplet(new[0], new[1], old[0])] * model.ka_net.num_triplets)
    return model.train()


def write_parent(cfg: Config, path: Path) -> None:
    """An old detector with random weights."""
    old = sum(len(group) for group in cfg.model.steps[: cfg.model.step])
    torch.save(MODELS.build(plain_model(cfg.model, old)).state_dict(), path)


def make_batch(cfg: Config, size: int) -> tuple[torch.Tensor, list[PoseDataSample]]:
    """Random images, and targets of all keypoints."""
    width, height = cfg.codec.input_size
    map_width, map_height = cfg.codec.heatmap_size
    keypoints = sum(len(group) for group in cfg.model.steps[: cfg.model.step + 1])
    samples = []
    for _ in range(size):
        sample = PoseDataSample()
        sample.gt_fields = PixelData(heatmaps=torch.rand(keypoints, map_height, map_width))
        sample.gt_instance_labels = InstanceData(keypoint_weights=torch.ones(1, keypoints))
        samples.append(sample)
    return torch.randn(size, 3, height, width), samples


def training_step(model: nn.Module, inputs: torch.Tensor, samples: list) -> Callable[[], None]:
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-4)

    def step() -> None:
        loss, _ = model.parse_losses(model.loss(inputs, samples))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def inference(model: nn.Module, inputs: torch.Tensor) -> Callable[[], None]:
    @torch.no_grad()
    def run() -> None:
        model.eval()
        model.head.forward(model.extract_feat(inputs))

    return run


def peak_memory(args: argparse.Namespace, variant: str) -> float:
    """Growth of the memory in MiB at the peak of three training steps, in a process of its own."""
    command = [sys.executable, __file__, '--config', args.config, '--only', variant]
    command += ['--batch-size', str(args.batch_size)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(output.split()[-1])  # after what the model logs


def run_only(args: argparse.Namespace, cfg: Config, parent: Path) -> None:
    """Three training steps of one variant; prints the growth of the peak memory in MiB."""
    model = build(cfg, args.only, parent)
    inputs, samples = make_batch(cfg, args.batch_size)
    print(peak_growth(training_step(model, inputs, samples)))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description='Cost of KAMP.')
    parser.add_argument('--config', default='configs/ikl_livestock_cattle.py', help='of a step')
    parser.add_argument('--batch-size', type=int, default=16, help='images a step')
    parser.add_argument('--rounds', type=int, default=15, help='timed runs of each')
    parser.add_argument('--memory', action='store_true', help='measure peak memory as well')
    parser.add_argument('--only', choices=VARIANTS, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    cfg = load_config(args.config)
    init_default_scope('mmpose')
    with tempfile.TemporaryDirectory() as folder:
        parent = Path(folder, 'detector.pth')
        write_parent(cfg, parent)
        if args.only:
            return run_only(args, cfg, parent)
        models = {variant: build(cfg, variant, parent) for variant in VARIANTS}
    inputs, samples = make_batch(cfg, args.batch_size)
    passes: list[int] = []
    models['kamp'].backbone.register_forward_hook(lambda *_: passes.append(1))
    steps = {name: training_step(model, inputs, samples) for name, model in models.items()}
    steps['kamp']()
    print(f'{machine()}\n{args.config}, batch of {args.batch_size}')
    print(f'forward passes of the student in a training step: {len(passes)}')
    times = alternate(steps, args.rounds, 'cpu')
    for name in ('ksd', 'kamp'):
        print(f'training step, {name} / plain: {times[name] / times["plain"]:.2f}')
    runs = {name: inference(models[name], inputs) for name in ('plain', 'kamp')}
    times = alternate(runs, args.rounds, 'cpu')
    print(f'inference, kamp / plain: {times["kamp"] / times["plain"]:.2f}')
    if args.memory:
        memory = {name: peak_memory(args, name) for name in VARIANTS}
        for name in ('ksd', 'kamp'):
            print(f'peak memory of training, {name} / plain: {memory[name] / memory["plain"]:.2f}')


if __name__ == '__main__':
    main()
