"""Speed and memory of FMMP with the published settings (ResNet-50, 256 px, 70 keypoints).

Compares, in one process and in turn: the head with a straightforward one that loops over branches
and samples, the training step with the backbone alone, cached supports with supports encoded for
every query. Then the episode code, data loading, memory, and what the time goes to. Prints a line a
ratio and writes ``benchmarks/results/fmmp_speed.md``. With a GPU the same on it, with mixed
precision and channels-last too.

Examples:
    python benchmarks/fmmp_speed.py
    python benchmarks/fmmp_speed.py --rounds 3 --clock cpu --threads 1
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from fmmp_workload import CONFIG, PARTS, Workload
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS
from timing import CLOCKS, alternate, machine
from torch.profiler import ProfilerActivity, profile

from kpt_plugins.apis.run_config import load_config
from kpt_plugins.datasets.transforms import KeypointPadding, StructuralReferences
from kpt_plugins.engine.memory import keep_freed_memory
from kpt_plugins.structures.skeleton import minimum_spanning_tree
from kpt_plugins.synthesis.dataset import Plan, generate_dataset

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'benchmarks' / 'results' / 'fmmp_speed.md'


class Report:
    """Lines printed at once and kept for the file."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def section(self, title: str) -> None:
        self.lines += ['', f'## {title}', '']
        print(f'\n{title}', flush=True)

    def line(self, text: str) -> None:
        self.lines.append(f'- {text}')
        print(f'  {text}', flush=True)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        self.lines += [' | '.join(header), ' | '.join('---' for _ in header)]
        self.lines += [' | '.join(row) for row in rows]
        for row in (header, *rows):
            print('  ' + '  '.join(f'{cell:>10}' for cell in row), flush=True)


def compare(report: Report, args: argparse.Namespace, **kwargs) -> None:
    """Head against straightforward head, training step against backbone."""
    work = Workload(args.batch, **kwargs)
    report.line(f'largest difference of the two heads: {work.largest_difference():.1e} of the crop')
    seconds = alternate({name: work.part(name) for name in PARTS}, args.rounds, args.clock)
    for name, value in seconds.items():
        report.line(f'{name}, forward and backward: {value:.3f} s')
    ratio = seconds['straightforward head'] / seconds['head']
    report.line(f'straightforward head / head: {ratio:.2f} (target 1.5 or more)')
    ratio = seconds['training step'] / seconds['backbone']
    report.line(f'training step / backbone: {ratio:.2f} (target 1.65 or less)')


@torch.no_grad()
def inference(report: Report, args: argparse.Namespace, device: str = 'cpu') -> None:
    """Queries a second on one support set."""
    work = Workload(1, device)
    model, batch = work.model.eval(), 8
    support = work.data['inputs'][:, :1]
    queries = work.images[1:].expand(batch, -1, -1, -1).contiguous()
    episode = dict(
        points=work.episode['points'][:, :1],
        visible=work.episode['visible'][:, :1],
        references=work.episode['references'],
        query_references=work.episode['query_references'],
    )
    state = model.encode_support(support, episode)
    repeated = {key: value.repeat_interleave(batch, dim=0) for key, value in episode.items()}

    def without_cache() -> None:
        images = support.repeat_interleave(batch, dim=0)
        model.predict_query(queries, model.encode_support(images, repeated))

    functions = {'cached': lambda: model.predict_query(queries, state), 'encoded': without_cache}
    seconds = alternate(functions, args.rounds, args.clock)
    report.line(f'support encoded once: {batch / seconds["cached"]:.1f} queries a second')
    report.line(f'support encoded for every query: {batch / seconds["encoded"]:.1f}')
    ratio = seconds['encoded'] / seconds['cached']
    report.line(f'cached / encoded every time: {ratio:.2f} times the queries a second')


def episode_code(report: Report, args: argparse.Namespace) -> None:
    """Padding and references of one-shot episodes of a tree-like skeleton."""
    functions = {}
    for mode in ('mixup', 'eqdiv'):
        for size in (9, 17, 39, 68):
            item = random_item(size)
            padding, references = KeypointPadding(mode), StructuralReferences()

            def run(item=item, padding=padding, references=references) -> None:
                for _ in range(50):
                    references(padding(dict(item)))

            functions[f'{mode}, {size} of 70 keypoints'] = run
    for name, value in alternate(functions, max(5, args.rounds), args.clock).items():
        report.line(f'{name}: {value / 100 * 1e3:.3f} ms an image (target 0.3 or less)')


def random_item(size: int) -> dict:
    """What the episode transforms get of a support and a query."""
    points = torch.rand(2, size, 2, generator=torch.Generator().manual_seed(size)).numpy()
    return dict(
        points=points,
        visible=points[..., 0] < 0.9,
        links=[minimum_spanning_tree(points[0])] * 2,
        num_keypoints=size,
        meta={},
    )


def data_loading(report: Report, args: argparse.Namespace) -> None:
    """Training episodes from files, in this process."""
    with tempfile.TemporaryDirectory() as root:
        plan = Plan(size=args.image_size, categories=(4, 0, 0), images=(15, 0, 0))
        generate_dataset(root, plan, progress=False)
        cfg = load_config(CONFIG).train_dataloader.dataset
        cfg.dataset.update(data_root=root, ann_file='annotations/synth_train.json')
        dataset = DATASETS.build(cfg)
        seconds = alternate(
            {'load': lambda: [dataset[index] for index in range(20)]}, args.rounds, args.clock
        )
    rate = 20 / seconds['load']
    images = f'{2 * rate:.0f} images of {args.image_size} px'
    report.line(f'{rate:.0f} episodes ({images}) a second and core, augmented, padded and packed')


def probe(args: argparse.Namespace) -> None:
    """Seconds and peak memory of one part, in a process of its own; prints JSON."""
    if not args.return_memory:
        keep_freed_memory()
    work = Workload(args.batch)
    run = work.part(args.probe)
    before = resident_memory('VmRSS')
    Path('/proc/self/clear_refs').write_text('5')  # forget the peak of the preparations
    seconds = alternate({'run': run}, 3, args.clock)['run']
    print(json.dumps(dict(seconds=seconds, before=before, peak=resident_memory('VmHWM'))))


def resident_memory(name: str) -> float:
    """MiB of this process, now (``VmRSS``) or at most (``VmHWM``)."""
    lines = Path('/proc/self/status').read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def memory(report: Report, args: argparse.Namespace) -> None:
    """Peak memory of each part, and what the memory allocator costs."""

    def run(part: str, *options: str) -> dict:
        command = [sys.executable, __file__, '--probe', part, '--batch', str(args.batch)]
        command += ['--clock', args.clock, '--threads', str(torch.get_num_threads()), *options]
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        return json.loads(output.splitlines()[-1])

    found = {part: run(part, '--return-memory') for part in PARTS}
    for part, values in found.items():
        added = values['peak'] - values['before']
        report.line(f'{part}: {added:.0f} MiB on top of {values["before"]:.0f} MiB')
    kept, returned = run('training step'), found['training step']
    ratio = returned['seconds'] / kept['seconds']
    report.line(
        f'training step with freed memory returned / kept: {ratio:.2f} '
        f'({returned["seconds"]:.2f} s, {returned["peak"]:.0f} MiB; {kept["seconds"]:.2f} s, '
        f'{kept["peak"]:.0f} MiB)'
    )


def where_time_goes(report: Report, args: argparse.Namespace, device: str = 'cpu') -> None:
    """The operators of one training step that take the most time."""
    work = Workload(args.batch, device)
    work.run_training_step()
    activities = [ProfilerActivity.CPU]
    if device != 'cpu':
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as profiler:
        work.run_training_step()
    name = 'self_cpu_time_total' if device == 'cpu' else 'self_device_time_total'
    events = sorted(profiler.key_averages(), key=lambda event: -getattr(event, name))
    total = sum(getattr(event, name) for event in events)
    rows = [
        (
            f'{getattr(e, name) / 1e3:.0f}',
            f'{100 * getattr(e, name) / total:.1f}',
            str(e.count),
            e.key,
        )
        for e in events[:16]
    ]
    report.table(('ms', '%', 'calls', 'operator'), rows)


def on_gpu(report: Report, args: argparse.Namespace) -> None:
    formats = dict(
        float32={}, AMP=dict(amp=True), **{'AMP, channels-last': dict(amp=True, channels_last=True)}
    )
    for title, kwargs in formats.items():
        report.section(f'GPU, {title}')
        torch.cuda.reset_peak_memory_stats()
        compare(report, args, device='cuda', **kwargs)
        report.line(f'peak memory of all: {torch.cuda.max_memory_allocated() / 2**20:.0f} MiB')
    report.section('GPU, queries a second')
    inference(report, args, 'cuda')
    report.section('GPU, where the time of a training step goes')
    where_time_goes(report, args, 'cuda')


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Measure the speed and memory of FMMP.')
    parser.add_argument('--batch', type=int, default=4, help='episodes of a training batch')
    parser.add_argument('--rounds', type=int, default=5, help='timed runs of each')
    parser.add_argument(
        '--clock', choices=CLOCKS, default='wall', help="'cpu' where the machine is busy"
    )
    parser.add_argument('--threads', type=int, help="PyTorch's threads, by default all cores")
    parser.add_argument('--image-size', type=int, default=448, help='of the files that are loaded')
    parser.add_argument('--out', type=Path, default=RESULTS)
    parser.add_argument('--probe', choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument('--return-memory', action='store_true', help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    init_default_scope('mmpose')
    if args.probe:
        probe(args)
        return
    keep_freed_memory()
    report = Report()
    report.line(machine())
    clock = 'time of the wall clock' if args.clock == 'wall' else 'CPU time of all threads'
    report.line(f'batches of {args.batch} one-shot episodes; medians of {args.rounds}, {clock}')
    for title, measure in (
        ('Head and training step', compare),
        ('Queries a second', inference),
        ('Padding and references', episode_code),
        ('Data loading', data_loading),
        ('Peak memory', memory),
        ('Where the time of a training step goes', where_time_goes),
    ):
        report.section(title)
        measure(report, args)
    if torch.cuda.is_available():
        on_gpu(report, args)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    text = ['# Speed and memory of FMMP', '', 'Written by `python benchmarks/fmmp_speed.py`.', '']
    args.out.write_text('\n'.join([*text, *report.lines]) + '\n')
    print(f'\nwritten to {args.out}')


if __name__ == '__main__':
    main()
