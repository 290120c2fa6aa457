"""How well supports, predicted from each other, say how right labels will be.

On each species of LivestockKeypoints, for several random choices of annotated images:
``FewShotInferencer.check_supports``, which ``kpt autolabel`` prints, beside the share of right
keypoints in other images of the species, within 0.1 of the longer side of the box, both pooled over
keypoints. Writes ``benchmarks/results/support_check.{md,json}``; takes three minutes of a core.
The published run's weights are those of ``fmmp_minicape.py``, seed 0.

Examples:
    python benchmarks/support_check.py --weights fmmp.pth
    python benchmarks/support_check.py --weights fmmp.pth --species sheep --seeds 0 1 --images 50
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ablation_report import Spread, markdown_table
from autolabel_loop import THRESHOLD, Budget, Data, only

from kpt_plugins.apis import FewShotInferencer, SupportSet
from kpt_plugins.apis.support_files import read_supports

ROOT = Path(__file__).resolve().parents[1]
SPECIES = ('cattle', 'horse', 'sheep')


def read(data: Data, content: dict) -> SupportSet:
    """The annotated images of a COCO file's content."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'coco.json'
        path.write_text(json.dumps(content))
        return read_supports(path, images=data.images, num_shots=len(content['images']))


def true_pck(inferencer: FewShotInferencer, others: SupportSet) -> float:
    """Share of right keypoints in annotated images, of those that a support shows."""
    results = inferencer.predict(
        [each.image for each in others.supports], [each.bbox for each in others.supports]
    )
    right = []
    for result, truth in zip(results, others.supports, strict=True):
        (found,) = result.instances
        errors = np.linalg.norm(found.keypoints - truth.keypoints[:, :2], axis=1)
        side = np.ptp(truth.bbox.reshape(2, 2), axis=0).max()
        right += (errors < THRESHOLD * side)[truth.visible & found.shown].tolist()
    return statistics.fmean(right)


def measure(
    inferencer: FewShotInferencer, data: Data, shots: int, seed: int, images: int
) -> dict[str, Any]:
    """What the check says of some random images, and what is true of so many others."""
    human, others = data.split(shots, seed)
    others = only(others, others['images'][:images])
    inferencer.set_support(read(data, human))
    errors = inferencer.check_supports()
    known = errors[~np.isnan(errors)]
    said = float((known < THRESHOLD).mean())
    true = true_pck(inferencer, read(data, others))
    return dict(
        species=data.species, shots=shots, seed=seed, said=said, true=true, points=len(known)
    )


def report(runs: Sequence[dict[str, Any]], command: str, images: int) -> str:
    """The page in Markdown."""
    rows = [['species', 'supports', 'points', 'check', 'truth', 'check - truth', 'largest', 'runs']]
    for species, shots in dict.fromkeys((run['species'], run['shots']) for run in runs):
        own = [run for run in runs if (run['species'], run['shots']) == (species, shots)]
        differences = [run['said'] - run['true'] for run in own]
        rows.append(
            [
                species,
                str(shots),
                f'{statistics.fmean(run["points"] for run in own):.0f}',
                Spread.of([run['said'] for run in own]).percent(),
                Spread.of([run['true'] for run in own]).percent(),
                Spread.of(differences).percent('+'),
                f'{100 * max(differences, key=abs):+.1f}',
                str(len(own)),
            ]
        )
    return '\n\n'.join(
        [
            '# How right labels will be, said by the supports',
            f'`{command}` makes this page and [support_check.json](support_check.json).',
            f'Each of some random annotated images, the supports, is predicted from the others '
            f'(check); then {images} other images of the species are predicted from all supports '
            f'(truth). Share of keypoints within {THRESHOLD} of the longer side of the box, in '
            'percent, mean and sample standard deviation over random choices; "points" is how many '
            'keypoints the check had. The few-shot model has learned from cattle and horses; sheep '
            'are new to it. Images of a species are frames of a few recordings.',
            markdown_table(rows) + '\n',
        ]
    )


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--weights', type=Path, required=True, help='of a few-shot model')
    parser.add_argument('--species', nargs='+', choices=SPECIES, default=list(SPECIES))
    parser.add_argument('--shots', nargs='+', type=int, default=[2, 5])
    parser.add_argument('--seeds', nargs='+', type=int, default=list(range(10)))
    parser.add_argument('--images', type=int, default=100, help='others to predict')
    parser.add_argument(
        '--out', type=Path, default=ROOT / 'benchmarks' / 'results' / 'support_check'
    )
    args = parser.parse_args(argv)
    if min(args.shots) < 2:
        parser.error(f'--shots {min(args.shots)}: expected 2 or more')
    inferencer = FewShotInferencer(weights=args.weights, show_progress=False)
    runs = []
    for species in args.species:
        data = Data.load(species, Budget())
        for shots in args.shots:
            for seed in args.seeds:
                runs.append(measure(inferencer, data, shots, seed, args.images))
                print(' '.join(f'{name}={value}' for name, value in runs[-1].items()), flush=True)
    command = (
        f'python benchmarks/support_check.py --weights FILE --species {" ".join(args.species)} '
        f'--shots {" ".join(map(str, args.shots))} --seeds {" ".join(map(str, args.seeds))} '
        f'--images {args.images}'
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.with_suffix('.json').write_text(json.dumps(dict(command=command, runs=runs)) + '\n')
    args.out.with_suffix('.md').write_text(report(runs, command, args.images))


if __name__ == '__main__':
    main()
