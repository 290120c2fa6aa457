"""What to say when files of a data set are not there."""

from __future__ import annotations

import os
import os.path as osp
from collections import Counter
from collections.abc import Sequence

from kpt_plugins.datasets.instance import Instance

MP100_HELP = (
    'MP-100 is a benchmark of 100 keypoint categories that must not be redistributed; its authors '
    'offer the annotations and say where the images come from in their Pose-for-Everything '
    'repository (github.com/luminxu/Pose-for-Everything), and docs/data.md says how to lay them '
    'out. To train without it, on images that are generated here, use configs/fmmp_synth.py.'
)

OWN_DATA_HELP = (
    'Where data of your own are is told by data_root and, below it, train_ann, val_ann and '
    'test_ann (weak-shot: base_ann) of the config, to be set with --cfg-options, for example '
    'data_root=my_data train_ann=annotations/train.json; see docs/data.md.'
)

DATA_HELP = {
    'ATRWDataset': 'ATRW, the Amur tigers of CVWC 2019, is offered by its authors '
    '(cvwc2019.github.io/challenge.html); MMPose documents its layout, and offers the annotation '
    'files, with its animal data sets (2d_animal_keypoint.md).',
    # these say it themselves
    'CephalometricDataset': '',
    'ObjectNet3DDataset': '',
    'OccludedPascal3DDataset': '',
    'Pascal3DDataset': '',
    'LivestockDataset': 'LivestockKeypoints is offered by its authors '
    '(github.com/yww0411/Livestock-keypoint-detection, CC BY 4.0).',
    'MpiiDataset': 'MPII Human Pose is offered by its authors (human-pose.mpi-inf.mpg.de) for '
    'non-commercial research; MMPose documents its layout, and offers the annotation files, with '
    'its body data sets (2d_body_keypoint.md).',
}
"""What the data sets of the configs are, by type of dataset."""

SYNTHETIC_OPTIONS = {
    'synth_quadruped': ' --out {root} --seed 3 --categories 1 0 0 --train-images 1200',
}
"""Options of make_synthetic.py for other sets than its default, by name of the folder."""


def require_paths(ann_file: str, image_dir: str, data_root: str, dataset_type: str = '') -> None:
    """Refuse a data set whose annotation file or image directory is missing.

    Raises:
        FileNotFoundError: With the path and, for MP-100, what it is and what to do without it; for
            a synthetic set, how to make it; for a known type of dataset, who offers it; for another
            one, which entries say where it is.
    """
    for path, found, what in (
        (ann_file, osp.isfile(ann_file), 'annotation file'),
        (image_dir, osp.isdir(image_dir), 'image directory'),
    ):
        if not found:
            raise FileNotFoundError(
                f'{path}: there is no such {what} ({osp.abspath(path)}).'
                f'{_origin_help(ann_file, data_root, dataset_type)}'
            )


def step_data_help(dataset_type: str) -> str:
    """What to do without a known data set of the incremental configs; or nothing."""
    if dataset_type not in DATA_HELP:
        return ''
    return (
        ' To learn keypoints in steps without it, on images that are generated here, use '
        'configs/ikl_synth.py.'
    )


def _origin_help(ann_file: str, data_root: str, dataset_type: str) -> str:
    if known := _mp100_help(ann_file, data_root) + _synthetic_help(ann_file, data_root):
        return known
    return f' {DATA_HELP.get(dataset_type, OWN_DATA_HELP)}'.rstrip()


def _synthetic_help(ann_file: str, data_root: str) -> str:
    if not osp.basename(ann_file).startswith('synth_'):
        return ''
    options = SYNTHETIC_OPTIONS.get(osp.basename(osp.normpath(data_root)), '')
    command = f'python tools/make_synthetic.py{options.format(root=data_root)}'
    return f' The synthetic set is made by `{command}`.'


def find_missing(image_dir: str, instances: Sequence[Instance]) -> tuple[list[str], int]:
    """File names of the images that are not there, in order, and the number of all images."""
    names = list(dict.fromkeys(instance.file_name for instance in instances))
    return [name for name in names if not osp.isfile(osp.join(image_dir, name))], len(names)


def missing_images_error(
    missing: Sequence[str], total: int, ann_file: str, image_dir: str, data_root: str
) -> FileNotFoundError:
    """The error for missing images: the first, how many, and what can be done."""
    return FileNotFoundError(
        f'{osp.join(image_dir, missing[0])}: there is no such image; {len(missing)} of {total} '
        f'images are missing in {osp.abspath(image_dir)}.'
        f'{_other_layout(missing[0], image_dir, data_root)} Set skip_missing_images=True to go '
        f'on with those that are there.{_mp100_help(ann_file, data_root)}'
    )


def missing_images_report(
    missing: Sequence[str], total: int, instances: Sequence[Instance], names: dict[int, str]
) -> str:
    """How many instances each category loses, for the log; `names` are the categories' by id."""
    gone = set(missing)
    lost = Counter(i.category_id for i in instances if i.file_name in gone)
    all_of = Counter(i.category_id for i in instances)
    lines = [f'{len(missing)} of {total} images are missing; left out']
    for category_id, name in names.items():
        if lost[category_id]:
            counts = f'{lost[category_id]} of {all_of[category_id]} instances'
            lines.append(f'  {category_id} {name}: {counts}')
    return '\n'.join(lines)


def _other_layout(name: str, image_dir: str, data_root: str) -> str:
    """Where an image is instead: MP-100 is in use with and without a directory `images`."""
    for directory in (data_root, osp.join(data_root, 'images')):
        if data_root and directory != image_dir and osp.isfile(osp.join(directory, name)):
            prefix = osp.relpath(directory, data_root).replace(os.curdir, '')
            return f" It is in {directory}: set data_prefix=dict(img='{prefix}')."
    return ''


def _mp100_help(ann_file: str, data_root: str) -> str:
    return f' {MP100_HELP}' if 'mp100' in f'{ann_file} {data_root}'.lower() else ''
