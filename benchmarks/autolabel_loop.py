"""Annotate few, label all, correct the worst, train: what it gains over training on few alone.

On one species of LivestockKeypoints, for every seed and number of human-annotated images: ``kpt
autolabel`` labels the other training images from up to five, the least sure of these labels are
corrected until the number is reached, ``kpt train-detector`` trains on all. Beside it: on the same
annotated images alone; on as many random ones alone; on all images as labelled by that last
detector; and on all true labels.
All detectors begin with the backbone of the few-shot model.
Writes ``benchmarks/results/autolabel_loop.{md,png,json,log}``. It can be stopped and started again
at any moment: finished steps are kept, broken trainings resumed.

As it stands: 3 numbers of images, 3 detectors each, one more of the loop's 20 alone and one on all
labels, with 3 seeds: 33 trainings of 580 iterations at 128 px, about 6 minutes of one core each.
Fewer by ``--shots``, ``--seeds``, ``--epochs``. The published run's weights are those of
``fmmp_minicape.py``, seed 0, which has learned from cattle and horses; sheep are new to it.

Examples:
    python benchmarks/autolabel_loop.py --weights fmmp.pth
    python benchmarks/autolabel_loop.py --weights fmmp.pth --shots 1 5 --seeds 0 --jobs 1
    python benchmarks/autolabel_loop.py --table-only
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from autolabel_report import ALL, CHOSEN, FEW, LOOP, SECOND, write_report
from comparison import add_run_arguments, carry_out
from mmpose.evaluation.functional import keypoint_pck_accuracy
from tool_processes import Processes, at_once, locked, wait_for
from training_log import write_epoch_ends

from kpt_plugins.apis.detector_config import MIN_ITERATIONS, DetectorOptions
from kpt_plugins.apis.run_config import load_config
from kpt_plugins.apis.run_fingerprint import require_same_run, write_fingerprint
from kpt_plugins.structures.step_manifest import sha256_of

ROOT = Path(__file__).resolve().parents[1]
KPT, TEST = ROOT / 'tools' / 'kpt.py', ROOT / 'tools' / 'test.py'
SEEDS = (0, 1, 2)
SHOTS = (1, 5, 20)
SUPPORTS, HUMAN, SCORES = 'supports.json', 'human.json', 'scores.json'
LABELS = 'labels/annotations.json'
THRESHOLD = 0.1
"""Of PCK, as in the config that ``kpt train-detector`` writes."""


@dataclass(frozen=True)
class Budget:
    """What every run may use; images to train and test on, 0 for all."""

    epochs: int = 10
    input_size: int = 128
    supports: int = 5
    min_score: float = 0.0
    min_keypoint_score: float = 0.3
    train_images: int = 0
    test_images: int = 0

    def arguments(self) -> str:
        """The part of the command line that sets it."""
        return ' '.join(f'--{k.replace("_", "-")} {v}' for k, v in asdict(self).items())


@dataclass(frozen=True)
class Data:
    """The true labels of a species; names of files are relative to ``images``."""

    species: str
    images: Path
    train: dict
    test: dict

    @classmethod
    def load(cls, species: str, budget: Budget) -> Data:
        root = Path(load_config(ROOT / 'configs' / 'coke_livestock_cattle.py').data_root)
        parts = []
        for part, number in (('train', budget.train_images), ('test', budget.test_images)):
            content = json.loads((root / 'annotations' / f'{species}_{part}.json').read_text())
            for image in content['images']:
                image['file_name'] = image['file_name'].removeprefix(f'{species}/')
            parts.append(only(content, content['images'][: number or None]))
        return cls(species, root / 'images' / species, *parts)

    def split(self, shots: int, seed: int) -> tuple[dict, dict]:
        """The labels of a human, and those of all other images, which none but we know."""
        order = list(self.train['images'])
        random.Random(seed).shuffle(order)
        return only(self.train, order[:shots]), only(self.train, order[shots:])

    def neighbours(self) -> int:
        """Test images whose recording's frame before or after is among the training images."""
        train, test = (
            [
                re.fullmatch(r'(.*?)(\d+)(\D*)', image.get('source', '').partition('.rf.')[0])
                for image in part['images']
            ]
            for part in (self.train, self.test)
        )
        known = {(found[1], int(found[2]), found[3]) for found in train if found}
        return sum(
            any((found[1], int(found[2]) + step, found[3]) in known for step in (-1, 1))
            for found in test
            if found
        )

    def corrected(self, supports: dict, labels: dict, number: int) -> dict:
        """The supports and so many of the least sure labels, as a human has corrected them."""
        names = {image['id']: image['file_name'] for image in labels['images']}
        least_sure = sorted(labels['annotations'], key=lambda annotation: annotation['score'])
        files = {image['file_name']: image for image in self.train['images']}
        worst = [files[names[a['image_id']]] for a in least_sure[:number]]
        return only(self.train, [*supports['images'], *worst])


def only(content: dict, images: Sequence[dict]) -> dict:
    """A COCO file of some images, in the order given."""
    places = {image['id']: place for place, image in enumerate(images)}
    found = [a for a in content['annotations'] if a['image_id'] in places]
    found.sort(key=lambda annotation: places[annotation['image_id']])
    return dict(content, images=list(images), annotations=found)


def epoch_iterations(images: int) -> int:
    """Iterations of an epoch of ``kpt train-detector`` on so many images."""
    batch = DetectorOptions.batch_size
    return math.ceil(images * math.ceil(MIN_ITERATIONS * batch / images) / batch)


@dataclass(frozen=True)
class Run:
    """A detector, from the labels to its score, in its own folder. That of the few alone labels the
    other images, too, for a second one; where the loop chose images to correct, another detector
    learns from its annotated images alone.

    Of ``total`` images a human has labelled ``shots``: of the loop some as supports, the others
    are corrected labels. Epochs of few images are shorter: the detector of the few alone gets more
    of them, for as many iterations as on all images.
    """

    arm: str
    total: int
    shots: int
    seed: int
    budget: Budget
    root: Path
    species: str
    weights: Path

    @property
    def name(self) -> str:
        return f'{self.species}_{self.arm}_{self.shots}_seed{self.seed}'

    @property
    def folder(self) -> Path:
        return self.root / self.name

    @property
    def results(self) -> dict[str, Path]:
        """The folder of each arm that it gives a score for."""
        inner = {FEW: [SECOND], LOOP: [CHOSEN] if self.shots > self.supports else []}
        folders = {arm: self.folder / arm for arm in inner.get(self.arm, [])}
        return {self.arm: self.folder, **folders}

    @property
    def supports(self) -> int:
        """Images that a human labels before anything is predicted."""
        return min(self.shots, self.budget.supports) if self.arm == LOOP else self.shots

    @property
    def epochs_alone(self) -> int:
        """Of training on its annotated images alone."""
        ratio = epoch_iterations(self.total) / epoch_iterations(self.shots)
        return round(self.budget.epochs * ratio)

    @property
    def epochs(self) -> int:
        return self.epochs_alone if self.arm == FEW else self.budget.epochs

    def experiment(self) -> dict[str, Any]:
        """All that its score depends on."""
        content = asdict(self.budget) | dict(arm=self.arm, shots=self.shots, seed=self.seed)
        return content | dict(epochs=self.epochs, weights=sha256_of(self.weights))

    def steps(self, images: Path) -> dict[str, list[str]]:
        """The commands in their order, by the name of the file that says that they are done."""
        folder = self.folder
        if self.arm == FEW:
            trained = self._checkpoint(folder, self.epochs)
            steps = {
                'train': self._train(folder, self.epochs, images, folder / HUMAN),
                'test': self._test(folder, self.epochs, images),
                f'{SECOND}/label': self._label(folder / SECOND, images, ['--weights', trained]),
                f'{SECOND}/train': self._train_on_labels(folder / SECOND, images),
                f'{SECOND}/test': self._test(folder / SECOND, self.budget.epochs, images),
            }
        elif self.arm == LOOP:
            supports = ['--weights', self.weights, '--support', folder / SUPPORTS]
            supports += ['--support-images', images, '--shots', self.budget.supports]
            steps = {
                'label': self._label(folder, images, supports),
                'train': self._train_on_labels(folder, images),
                'test': self._test(folder, self.epochs, images),
            }
            if CHOSEN in self.results:
                inner, epochs = folder / CHOSEN, self.epochs_alone
                train = self._train(inner, epochs, images, folder / HUMAN)
                steps[f'{CHOSEN}/train'] = train
                steps[f'{CHOSEN}/test'] = self._test(inner, epochs, images)
        else:
            steps = {
                'train': self._train(folder, self.epochs, images, folder / HUMAN),
                'test': self._test(folder, self.epochs, images),
            }
        return {name: list(map(str, command)) for name, command in steps.items()}

    def _label(self, folder: Path, images: Path, model: list) -> list:
        """Label all images without human labels."""
        command = [sys.executable, KPT, 'autolabel', images, *model]
        boxes = self.folder / 'others.json'
        return [*command, '--boxes', boxes, '--out', folder / 'labels', '--force']

    def _train_on_labels(self, folder: Path, images: Path) -> list:
        """Train on the labels in a folder and on those of a human."""
        human = ['--annotated', self.folder / HUMAN, '--annotated-images', images]
        human += ['--min-score', self.budget.min_score]
        human += ['--min-keypoint-score', self.budget.min_keypoint_score]
        return self._train(folder, self.budget.epochs, images, folder / LABELS) + human

    def _train(self, folder: Path, epochs: int, images: Path, annotations: Path) -> list:
        size = self.budget.input_size
        command = [sys.executable, KPT, 'train-detector', annotations, '--images', images]
        command += ['--backbone-of', self.weights, '--work-dir', folder / 'detector']
        command += ['--epochs', epochs, '--seed', self.seed, '--input-size', size, size]
        return [*command, '--workers', 0, '--resume']

    def _test(self, folder: Path, epochs: int, images: Path) -> list:
        dataset = 'test_dataloader.dataset'
        command = [sys.executable, TEST, folder / 'detector' / 'detector.py']
        command += [self._checkpoint(folder, epochs), '--out', folder / SCORES]
        command += ['--work-dir', folder / 'test']
        command += ['--cfg-options', 'test_evaluator.0.prefix=test']
        command += [f'{dataset}.ann_file={(self.folder / "test.json").resolve()}']
        return [*command, f'{dataset}.data_prefix.img={images}']

    @staticmethod
    def _checkpoint(folder: Path, epochs: int) -> Path:
        return folder / 'detector' / f'epoch_{epochs}.pth'


def execute(run: Run, data: Data, processes: Processes) -> None:
    """Do what is left to do of a run.

    Raises:
        RuntimeError: if a tool fails, or another process is at work in the folder.
        ValueError: if the folder holds a run of another budget.
    """
    with locked(run.folder) as lock:
        require_same_run(run.folder, run.experiment())
        write_fingerprint(run.folder, run.experiment())
        human, others = data.split(run.supports, run.seed)
        for name, content in (
            (SUPPORTS, human),
            (HUMAN, human),
            ('others.json', others),
            ('test.json', data.test),
        ):
            (run.folder / name).write_text(json.dumps(content))
        for name, command in run.steps(data.images.resolve()).items():
            done = run.folder / f'{name}.done'
            if not done.is_file():
                done.parent.mkdir(exist_ok=True)
                processes.run(command, done.parent / 'console.log', lock)
                done.touch()
            if name == 'label':
                labels = json.loads((run.folder / LABELS).read_text())
                human = data.corrected(human, labels, run.shots - run.supports)
                (run.folder / HUMAN).write_text(json.dumps(human))


def execute_all(runs: Sequence[Run], data: Data, jobs: int) -> list[str]:
    """Execute runs, several at a time; returns what went wrong."""
    with at_once(jobs) as (pool, processes):
        return wait_for({pool.submit(execute, run, data, processes): run.name for run in runs})


def label_pck(labels: dict, truth: dict) -> float:
    """PCK of predicted labels: mean over keypoints, of the longer side of the box."""
    names = {image['id']: image['file_name'] for image in labels['images']}
    found = {names[a['image_id']]: a['keypoints'] for a in labels['annotations']}
    names = {image['id']: image['file_name'] for image in truth['images']}
    true = [a for a in truth['annotations'] if names[a['image_id']] in found]
    predicted = np.array([found[names[a['image_id']]] for a in true]).reshape(len(true), -1, 3)
    points = np.array([a['keypoints'] for a in true], dtype=float).reshape(predicted.shape)
    sizes = np.array([[max(a['bbox'][2:])] * 2 for a in true])
    visible = points[..., 2] > 0
    return float(
        keypoint_pck_accuracy(predicted[..., :2], points[..., :2], visible, THRESHOLD, sizes)[1]
    )


def collect(runs: Sequence[Run], data: Data, arguments: str) -> dict[str, Any]:
    """All that table and figure are made of; ``arguments`` are those of the command line.

    Raises:
        ValueError: if no run is finished.
    """
    done, missing = [], []
    for run in runs:
        for arm, folder in run.results.items():
            if not (folder / 'test.done').is_file():
                missing.append(str(folder.relative_to(run.root)))
                continue
            score = json.loads((folder / SCORES).read_text())['test']['PCK']
            content = dict(arm=arm, shots=run.shots, seed=run.seed, pck=score)
            if arm in (LOOP, SECOND):
                labels = json.loads((folder / LABELS).read_text())
                truth = data.split(run.supports, run.seed)[1]
                right = label_pck(labels, truth)
                content.update(label_pck=right, labels=len(labels['annotations']))
            done.append(content)
    if not done:
        raise ValueError(f'no finished run in {runs[0].root}')
    budget = runs[0].budget
    return dict(
        command=f'python benchmarks/autolabel_loop.py {arguments} {budget.arguments()}',
        budget=asdict(budget),
        species=runs[0].species,
        num_images=len(data.train['images']),
        num_test_images=len(data.test['images']),
        neighbours=data.neighbours(),
        runs=done,
        missing=missing,
    )


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('species', nargs='?', choices=['cattle', 'horse', 'sheep'], default='sheep')
    parser.add_argument('--weights', type=Path, help='checkpoint of a few-shot model')
    parser.add_argument('--shots', nargs='+', type=int, default=list(SHOTS))
    parser.add_argument('--seeds', nargs='+', type=int, default=list(SEEDS))
    for name, value in asdict(Budget()).items():
        parser.add_argument(f'--{name.replace("_", "-")}', type=type(value), default=value)
    add_run_arguments(parser, 'autolabel_loop')
    args = parser.parse_args(argv)
    if not args.table_only and not (args.weights and args.weights.is_file()):
        parser.error(f'--weights {args.weights}: expected the checkpoint of a few-shot model')
    return args


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    budget = Budget(**{name: getattr(args, name) for name in asdict(Budget())})
    data = Data.load(args.species, budget)
    total = len(data.train['images'])
    if wrong := [n for n in args.shots if not 0 < n < total]:
        raise SystemExit(f'--shots {wrong[0]}: expected 1 to {total - 1} of {total} images')
    # All arms with one seed before the next: a partial table is a fair one.
    arms = [*((arm, n) for n in args.shots for arm in (LOOP, FEW)), (ALL, total)]
    runs = [
        Run(arm, total, shots, seed, budget, args.work_dir, args.species, args.weights)
        for seed in args.seeds
        for arm, shots in arms
    ]

    def report() -> None:
        shots, seeds = (' '.join(map(str, values)) for values in (args.shots, args.seeds))
        arguments = f'{args.species} --weights FILE --shots {shots} --seeds {seeds}'
        write_report(collect(runs, data, arguments), args.out)
        folders = [folder for run in runs for folder in run.results.values()]
        write_epoch_ends(folders, args.out.with_suffix('.log'))

    carry_out(args, lambda: execute_all(runs, data, args.jobs), report)


if __name__ == '__main__':
    main()
