"""How well KA-Net knows the old keypoints that it is asked for, beside the teacher that taught it.

For steps that ``tools/train_incremental.py`` has trained with KA-Net: on the step's own training
images, augmented as in training, the share of the triplets' old keypoints that teacher and KA-Net
find within one and two cells of the hidden true labels, where the association loss counts. Prints
a table and writes ``benchmarks/results/ikl_association.md``.

Examples:
    python benchmarks/ikl_association.py work_dirs/ikl_synth/{kamp,random}_seed0
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmpose.registry import DATASETS, MODELS
from torch import Tensor, nn

from kpt_plugins.apis.run_config import walk_dicts
from kpt_plugins.structures.step_manifest import read_manifest

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'benchmarks' / 'results' / 'ikl_association.md'
BATCH = 16
HEADER = (
    'run',
    'step',
    'triplet',
    'images',
    'teacher ≤ 1',
    'teacher ≤ 2',
    'KA-Net ≤ 1',
    'KA-Net ≤ 2',
    'teacher > 2',
)


@dataclass
class Errors:
    """Distances (N,) to the true keypoint in cells of the heatmap."""

    teacher: Tensor
    ka_net: Tensor

    def row(self) -> list[str]:
        """Number; percent within 1 and 2 cells of both; where the teacher is off by more than 2
        cells: how often, and how often KA-Net is nearer."""
        wrong = self.teacher > 2
        nearer = int((wrong & (self.ka_net < self.teacher)).sum())
        shares = [
            f'{100 * (each <= limit).float().mean():.0f}'
            for each in (self.teacher, self.ka_net)
            for limit in (1, 2)
        ]
        return [str(len(wrong)), *shares, f'{int(wrong.sum())}, KA-Net nearer in {nearer}']


def peaks(heatmaps: Tensor) -> Tensor:
    """Columns and rows (B, n, 2) of the largest cells of heatmaps (B, n, h, w)."""
    index, width = heatmaps.flatten(2).argmax(dim=-1), heatmaps.shape[-1]
    return torch.stack([index % width, index // width], dim=-1).float()


def load_step(folder: Path) -> tuple[nn.Module, Config]:
    """The estimator of a finished step with its teacher and trained KA-Net.

    Raises:
        FileNotFoundError: If the step has no KA-Net.
    """
    path = folder / 'association.pth'
    if not path.is_file():
        raise FileNotFoundError(f'{path}: the step was trained without KA-Net, or not yet')
    manifest = read_manifest(folder)
    (config,) = (p for p in folder.glob('*.py') if p.name != 'detector.py')
    cfg = Config.fromfile(config)
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    model.init_weights()
    model.set_triplets(manifest.triplets)
    model.ka_net.load_state_dict(torch.load(path, weights_only=True)['ka_net'])
    return model.eval(), cfg


@torch.no_grad()
def measure(model: nn.Module, cfg: Config, number: int) -> Errors:
    """Errors on the first ``number`` training images of the step, seed 0."""
    random.seed(0)
    np.random.seed(0)
    kind = 'KeypointStepDataset'
    config = next(d for d in walk_dicts(cfg.train_dataloader) if d.get('type') == kind)
    dataset = DATASETS.build({**config, 'hide_old': False})
    teacher, ka_net = [], []
    for start in range(0, min(number, len(dataset)), BATCH):
        items = [dataset[i] for i in range(start, min(start + BATCH, number, len(dataset)))]
        data = model.data_preprocessor(pseudo_collate(items), training=True)
        samples = data['data_samples']
        features, heatmaps = model.teach(data['inputs'])
        found, weights = model.associate(features, heatmaps, samples)
        old = [model.steps.names(model.step).index(t.old) for t in model.triplets]
        truth = torch.stack([sample.gt_fields.heatmaps for sample in samples])[:, old]
        counted = (weights > 0) & (truth.amax(dim=(2, 3)) > 0.5)
        places = peaks(truth)
        teacher.append((peaks(heatmaps[:, old]) - places).norm(dim=-1)[counted])
        ka_net.append((peaks(found) - places).norm(dim=-1)[counted])
    return Errors(torch.cat(teacher), torch.cat(ka_net))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('runs', nargs='+', type=Path, help='folders of train_incremental.py')
    parser.add_argument('--images', type=int, default=240, help='at most, of each step')
    parser.add_argument('--out', type=Path, default=RESULTS)
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    rows = []
    for run in args.runs:
        for folder in sorted(run.glob('step[1-9]*')):
            model, cfg = load_step(folder)
            names = '; '.join(f'{t.first}, {t.second} → {t.old}' for t in model.triplets)
            errors = measure(model, cfg, args.images)
            rows.append([run.name, folder.name[4:], names, *errors.row()])
            print(*rows[-1], sep='  ', flush=True)
    lines = ['| ' + ' | '.join(row) + ' |' for row in (HEADER, ['---'] * len(HEADER), *rows)]
    text = f"""# What KA-Net knows

`python benchmarks/ikl_association.py {' '.join(map(str, args.runs))}`

On the training images of each step, where the association loss counts: percent of the triplet's
old keypoint found within 1 and 2 cells of the heatmap, by the teacher and by KA-Net.

"""
    args.out.write_text(text + '\n'.join(lines) + '\n')


if __name__ == '__main__':
    main()
