"""Time a model on random episodes: a training step, its backbone alone, and a prediction.

Alternating runs after a warm-up, medians. The ratio of the training step to the backbone tells more
than seconds, which depend on the machine.

Examples:
    python tools/analysis/benchmark.py fmmp_synth --batch-size 16
    python tools/analysis/benchmark.py fmmp_mp100_split1 --batch-size 2 --device cuda
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from statistics import median

import torch
from mmengine.dataset import pseudo_collate

from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.random_episode import random_episode
from kpt_plugins.apis.run_config import add_config_arguments, load_config
from kpt_plugins.engine.memory import keep_freed_memory


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Time a model on random episodes.')
    add_config_arguments(parser)
    parser.add_argument('--batch-size', type=int, default=4, help='episodes in a batch')
    parser.add_argument('--num-keypoints', type=int, default=16, help='of the category')
    parser.add_argument('--rounds', type=int, default=5, help='timed runs of each part')
    parser.add_argument('--device', default='cpu', help='cpu, cuda or cuda:N')
    return parser.parse_args(argv)


def seconds(functions: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each function, in turn, after one run that is not counted."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            times[name].append(time.perf_counter() - start)
    return {name: median(values[1:]) for name, values in times.items()}


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    if args.device == 'cpu':
        keep_freed_memory()
    cfg = load_config(args.config, args.cfg_options)
    model = build_model(cfg).to(args.device)
    items = [
        random_episode(cfg, 1, args.num_keypoints, seed=seed) for seed in range(args.batch_size)
    ]

    def batch() -> dict:
        return model.data_preprocessor(pseudo_collate(items))

    images = batch()['inputs'].flatten(0, 1)

    def backbone() -> None:
        model.train()
        sum(level.sum() for level in model.backbone(images)).backward()
        model.zero_grad()

    def training_step() -> None:
        model.train()
        sum(model(**batch(), mode='loss').values()).backward()
        model.zero_grad()

    def prediction() -> None:
        model.eval()
        with torch.no_grad():
            model(**batch(), mode='predict')

    result = seconds(
        {'backbone': backbone, 'training step': training_step, 'prediction': prediction},
        args.rounds,
    )
    for name, value in result.items():
        rate = args.batch_size / value
        print(f'{name:14} {1e3 * value:9.1f} ms  {rate:9.1f} episodes a second')
    print(f'training step / backbone: {result["training step"] / result["backbone"]:.2f}')


if __name__ == '__main__':
    main()
