"""Cost of CoKe: a training step and inference against heatmaps from the same extractor.

Prints for each pair of configs, from alternating runs in one process,

* CoKe's training step / the heatmap head's on the same images, in time and, with ``--memory``, in
  peak memory, each in a process of its own;
* the same for inference, with and without the decoding of keypoints;

and for ``--loss-config`` the time of its loss, forward and backward, with 2,560 entries of clutter,
18 keypoints and 64 images, and the share of it in CoKe's training step with as many.

Examples:
    python benchmarks/coke_speed.py --memory
    python benchmarks/coke_speed.py --pairs coke_pascal3d_car:1 --rounds 3
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmpose.registry import KEYPOINT_CODECS, MODELS
from mmpose.structures import PoseDataSample
from mmpose.structures.utils import InstanceData, PixelData
from timing import alternate, machine
from torch import nn

from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.run_config import load_config

PAIRS = ('coke_livestock_cattle:16', 'coke_pascal3d_car:4')
KINDS = ('heatmap', 'coke')
CLUTTER, KEYPOINTS, IMAGES = 2560, 18, 64


def read_configs(name: str) -> dict[str, Config]:
    """CoKe's config and that of its heatmap baseline."""
    return dict(coke=load_config(name), heatmap=load_config(f'{name}_heatmap'))


def make_batch(cfg: Config, size: int) -> tuple[torch.Tensor, list[PoseDataSample]]:
    """Random images with targets of the config's own codec, and boxes of most of the crop."""
    codec = KEYPOINT_CODECS.build(cfg.codec)
    width, height = cfg.codec.input_size
    number = cfg.model.head.get('num_keypoints') or cfg.model.head.out_channels
    rng = np.random.default_rng(0)
    corners = np.array([[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]], np.float32)
    samples = []
    for _ in range(size):
        points = rng.uniform((8, 8), (width - 8, height - 8), (1, number, 2)).astype(np.float32)
        target = codec.encode(points, np.ones((1, number), np.float32))
        sample = PoseDataSample(metainfo=dict(input_box=corners * (width, height)))
        labels = {key: torch.as_tensor(value) for key, value in target.items()}
        if 'heatmaps' in labels:
            sample.gt_fields = PixelData(heatmaps=labels.pop('heatmaps'))
        sample.gt_instance_labels = InstanceData(**labels)
        samples.append(sample)
    generator = torch.Generator().manual_seed(0)
    return torch.randn(size, 3, height, width, generator=generator), samples


def training_step(model: nn.Module, inputs: torch.Tensor, samples: list) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)

    def step() -> None:
        model.train()
        loss, _ = model.parse_losses(model.loss(inputs, samples))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def inference(
    model: nn.Module, inputs: torch.Tensor, samples: list, decode: bool
) -> Callable[[], None]:
    """Response maps or heatmaps, or with ``decode`` keypoints; without a flip test."""

    @torch.no_grad()
    def run() -> None:
        model.eval()
        feats = model.extract_feat(inputs)
        if decode:
            model.head.predict(feats, samples, dict(flip_test=False))
        else:
            model.head.forward(feats)

    return run


def loss_step(cfg: Config, images: int) -> Callable[[], None]:
    """The loss of random unit features, forward and backward, with a full bank of clutter."""
    head = cfg.model.head
    module = MODELS.build(head.loss)
    generator = torch.Generator().manual_seed(0)

    def unit(*shape: int) -> torch.Tensor:
        return torch.nn.functional.normalize(torch.randn(*shape, generator=generator), dim=-1)

    width, height = KEYPOINT_CODECS.build(cfg.codec).map_size
    index = torch.randint(width * height, (images, KEYPOINTS), generator=generator)
    cells = torch.stack([index % width, index // width], dim=-1)
    visible = torch.ones(images, KEYPOINTS, dtype=torch.bool)
    prototypes, clutter = unit(KEYPOINTS, head.feat_dim), unit(CLUTTER, head.feat_dim)
    features = unit(images, KEYPOINTS, head.feat_dim).requires_grad_()
    noise = unit(images, head.noise_per_image, head.feat_dim).requires_grad_()
    maps = None
    if module.spatial_weight > 0:
        size = (images, KEYPOINTS, width * height)
        maps = torch.rand(*size, generator=generator).requires_grad_()

    def step() -> None:
        losses = module(
            features, cells, visible, prototypes, noise, None, clutter, CLUTTER, maps, index
        )
        sum(losses.values()).backward()

    return step


def peak_memory(name: str, size: int, kind: str) -> float:
    """Growth of the resident memory by three training steps in MiB, in a process of its own."""
    command = [sys.executable, __file__, '--pairs', f'{name}:{size}', '--only', kind]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])  # MMEngine's messages come before it


def run_only(name: str, size: int, kind: str) -> None:
    """Three training steps of one model; prints the growth of the peak memory in MiB."""
    cfg = read_configs(name)[kind]
    step = training_step(build_model(cfg), *make_batch(cfg, size))
    before = _resident('VmRSS')
    # From here on the kernel counts the peak anew: that of the imports was higher.
    Path('/proc/self/clear_refs').write_text('5')
    for _ in range(3):
        step()
    print(_resident('VmHWM') - before)


def _resident(field: str) -> float:
    """Present (VmRSS) or peak (VmHWM) memory of this process in MiB."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(f'{field}:'):
            return int(line.split()[1]) / 1024
    raise OSError(f'/proc/self/status has no {field}; measuring memory needs Linux')


def compare(name: str, size: int, rounds: int) -> None:
    """Print the ratios of one pair of configs."""
    configs = read_configs(name)
    print(f'{name}, batch of {size}')
    models = {kind: build_model(configs[kind]) for kind in KINDS}
    batches = {kind: make_batch(configs[kind], size) for kind in KINDS}
    steps = {kind: training_step(models[kind], *batches[kind]) for kind in KINDS}
    _print_ratio('training step', alternate(steps, rounds, 'cpu'))
    for title, decode in (('inference, maps', False), ('inference, keypoints', True)):
        runs = {kind: inference(models[kind], *batches[kind], decode) for kind in KINDS}
        _print_ratio(title, alternate(runs, rounds, 'cpu'))


def measure_loss(name: str, images: int, rounds: int) -> None:
    """Print the time of the loss alone and its share in the step."""
    cfg = load_config(name)
    cfg.model.head.num_keypoints = KEYPOINTS
    if cfg.model.head.clutter.size != CLUTTER:
        raise ValueError(f'{name}: its clutter bank has not {CLUTTER} entries')
    step = training_step(build_model(cfg), *make_batch(cfg, images))
    terms = {f'loss, spatial_weight={w:g}': w for w in (0.0, 1.0)}
    functions = {'step': step}
    for title, weight in terms.items():
        cfg.model.head.loss.spatial_weight = weight
        functions[title] = loss_step(cfg, images)
    times = alternate(functions, rounds, 'cpu')
    print(f'{name}, {CLUTTER} entries of clutter, {KEYPOINTS} keypoints, batch of {images}')
    for title in terms:
        share = 100 * times[title] / times['step']
        print(f'{title}: {1000 * times[title]:.1f} ms, {share:.1f} % of the training step')


def _print_ratio(title: str, times: dict[str, float]) -> None:
    ratio = times['coke'] / times['heatmap']
    milliseconds = ' and '.join(f'{1000 * times[kind]:.1f}' for kind in ('coke', 'heatmap'))
    print(f'{title}, coke / heatmap: {ratio:.2f} ({milliseconds} ms)', flush=True)


def parse_pair(text: str) -> tuple[str, int]:
    name, _, size = text.rpartition(':')
    if not name or not size.isdigit() or int(size) < 1:
        raise argparse.ArgumentTypeError(f'{text}: expected CONFIG:BATCH_SIZE')
    return name, int(size)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--pairs',
        nargs='+',
        type=parse_pair,
        default=[parse_pair(pair) for pair in PAIRS],
        metavar='CONFIG:BATCH_SIZE',
        help='CoKe configs that have a _heatmap config beside them',
    )
    parser.add_argument('--loss-config', default='coke_livestock_cattle', help='of the loss')
    parser.add_argument('--loss-images', type=int, default=IMAGES, help='batch of the loss')
    parser.add_argument('--rounds', type=int, default=15, help='timed runs of each')
    parser.add_argument('--memory', action='store_true', help='measure peak memory as well')
    parser.add_argument('--only', choices=KINDS, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.only:
        return run_only(*args.pairs[0], args.only)
    print(machine())
    for name, size in args.pairs:
        compare(name, size, args.rounds)
        if args.memory:
            peak = {kind: peak_memory(name, size, kind) for kind in KINDS}
            ratio = peak['coke'] / peak['heatmap']
            numbers = f'{peak["coke"]:.0f} and {peak["heatmap"]:.0f} MiB'
            print(f'peak memory of training, coke / heatmap: {ratio:.2f} ({numbers})')
    measure_loss(args.loss_config, args.loss_images, args.rounds)


if __name__ == '__main__':
    main()
