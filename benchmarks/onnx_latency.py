"""Latency on the CPU of exported graphs against PyTorch, on one crop and on several.

Each config's model, with random weights, is exported; then graph and model answer the same crops in
turn, in one process with the same number of threads, without averaging over mirrored crops. Of
few-shot models supports and queries are timed apart. The two are compared as well: the largest
difference of keypoints in crop pixels. Prints a line a ratio and writes
``benchmarks/results/onnx_latency.md``.

Examples:
    python benchmarks/onnx_latency.py
    python benchmarks/onnx_latency.py --configs fmmp_synth --rounds 30 --clock cpu --threads 1
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from timing import CLOCKS, alternate, machine
from torch import Tensor, nn

from kpt_plugins.apis.model_loading import build_model
from kpt_plugins.apis.random_episode import random_episode
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.export import export_model
from kpt_plugins.export.detector_graphs import CoKeGraph, HeatmapGraph, PromptGraph
from kpt_plugins.models.heads import CoKeHead
from kpt_plugins.models.pose_estimators import WeakShotPoseEstimator

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'benchmarks' / 'results' / 'onnx_latency.md'
CONFIGS = (
    'fmmp_mp100_split1',
    'fmmp_synth',
    'coke_mpii',
    'ikl_mpii_step0',
    'weakshot_mp100_split1',
)
HEADER = ('model', 'part', 'crops', 'PyTorch ms', 'ONNX ms', 'PyTorch / ONNX', 'difference px')
Answer = Callable[[], Sequence[np.ndarray]]


def random_model(name: str) -> tuple[nn.Module, Config]:
    """A model whose weights are random, and whose keypoints are not all at the centre."""
    cfg = load_config(name)
    torch.manual_seed(0)
    model = build_model(cfg)
    for mlp in getattr(model.head, 'point_mlps', ()):
        nn.init.normal_(mlp[-1].weight, std=0.1)
    if isinstance(model.head, CoKeHead):
        theta = model.head.bank.theta
        theta.copy_(nn.functional.normalize(torch.randn(theta.shape), dim=1))
    return model, cfg


def session(path: Path, threads: int):
    """The graph in onnxruntime, with as many threads as PyTorch has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])


def detector_pairs(
    model: nn.Module, folder: Path, description: Mapping, batch: int
) -> dict[str, tuple[Answer, Answer]]:
    """The detector's answers on random crops, by PyTorch and by ONNX."""
    size = tuple(description['input_size'])
    if isinstance(model, WeakShotPoseEstimator):
        module = PromptGraph(model, size)
    else:
        module = (CoKeGraph if isinstance(model.head, CoKeHead) else HeatmapGraph)(model)
    inputs = dict(images=torch.randn(batch, 3, *size[::-1]))
    if description.get('boxes'):
        corners = torch.tensor([[0, 0], [1, 0], [1, 1], [0, 1]]) * torch.tensor(size)
        inputs['boxes'] = corners.float().expand(batch, -1, -1).contiguous()
    graph = session(folder / 'detector.onnx', torch.get_num_threads())
    return dict(detector=pair(module.eval(), inputs, graph))


def few_shot_pairs(
    model: nn.Module, cfg: Config, folder: Path, description: Mapping, batch: int
) -> dict[str, tuple[Answer, Answer]]:
    """Encoding one support, and finding its keypoints in random queries."""
    from kpt_plugins.export.few_shot_graphs import EPISODE, QueryGraph, SupportGraph

    size = tuple(description['input_size'])
    episode = random_episode(cfg, 1)['data_samples'].episode
    given = dict(
        images=torch.randn(1, 3, *size[::-1]),
        points=episode.points[:-1],
        visible=episode.visible[:-1],
        references=episode.references,
        query_references=episode.query_references,
    )
    threads = torch.get_num_threads()
    encoder, graph = SupportGraph(model), session(folder / 'support.onnx', threads)
    names = [output.name for output in graph.get_outputs()]
    encoded = dict(zip(names, encoder(*given.values()), strict=True))
    queries = dict(images=torch.randn(batch, 3, *size[::-1]))
    queries.update({name: given[name] for name in EPISODE}, **encoded)
    query = session(folder / 'query.onnx', threads)
    return dict(
        support=pair(encoder, given, graph),
        query=pair(QueryGraph(model, size), queries, query),
    )


def pair(module: nn.Module, inputs: Mapping[str, Tensor], graph) -> tuple[Answer, Answer]:
    """What answers the same inputs by PyTorch and by ONNX."""
    arrays = {name: value.numpy() for name, value in inputs.items()}
    return (
        lambda: [output.numpy() for output in module(*inputs.values())],
        lambda: graph.run(None, arrays),
    )


@torch.no_grad()
def measure(name: str, args: argparse.Namespace) -> list[list[str]]:
    """Rows of the table of one config."""
    model, cfg = random_model(name)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        *_, path = export_model(model, cfg, folder, flip_test=False)
        print(f'{name}: exported in {time.perf_counter() - start:.0f} s', flush=True)
        description = json.loads(path.read_text())
        for batch in args.batches:
            if description['kind'] == 'few_shot':
                pairs = few_shot_pairs(model, cfg, path.parent, description, batch)
            else:
                pairs = detector_pairs(model, path.parent, description, batch)
            for part, (by_torch, by_onnx) in pairs.items():
                if part == 'support' and batch != args.batches[0]:
                    continue
                found = alternate(dict(torch=by_torch, onnx=by_onnx), args.rounds, args.clock)
                difference = np.abs(by_torch()[0] - by_onnx()[0]).max()
                rows.append(
                    [
                        name,
                        part,
                        str(1 if part == 'support' else batch),
                        *(f'{1e3 * found[key]:.1f}' for key in ('torch', 'onnx')),
                        f'{found["torch"] / found["onnx"]:.2f}',
                        # what the support graph gives are features
                        '' if part == 'support' else f'{difference:.0e}',
                    ]
                )
                print('  '.join(rows[-1]), flush=True)
    return rows


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Latency of exported graphs on the CPU.')
    parser.add_argument('--configs', nargs='+', default=CONFIGS, help='configs or their names')
    parser.add_argument('--batches', nargs='+', type=int, default=[1, 8], help='crops at once')
    parser.add_argument('--rounds', type=int, default=15, help='timed runs of each')
    parser.add_argument(
        '--clock', choices=CLOCKS, default='wall', help="'cpu' where the machine is busy"
    )
    parser.add_argument('--threads', type=int, help='of both, by default all cores')
    parser.add_argument('--out', type=Path, default=RESULTS)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    import onnxruntime

    about = f'{machine()}; onnxruntime {onnxruntime.__version__}'
    clock = 'time of the wall clock' if args.clock == 'wall' else 'CPU time of all threads'
    rows = [row for name in args.configs for row in measure(name, args)]
    lines = [
        '# Latency of exported models',
        '',
        'Written by `python benchmarks/onnx_latency.py`. Random weights and crops.',
        '',
        f'- {about}',
        f'- medians of {args.rounds}, {clock}',
        '',
        *(' | '.join(row) for row in (HEADER, ['---'] * len(HEADER), *rows)),
    ]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text('\n'.join(lines) + '\n')
    print(f'written to {args.out}')


if __name__ == '__main__':
    main()
