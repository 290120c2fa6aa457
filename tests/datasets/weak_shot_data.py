"""Configs of weak-shot datasets over the tiny MP-100, for tests."""

from kpt_plugins.datasets import CategoryPairDataset

LOAD = [dict(type='LoadImageChecked'), dict(type='GetBBoxCenterScale', padding=1.25)]
CROP = [dict(type='TopdownAffine', input_size=(32, 32)), dict(type='PackWeakShot')]
AUGMENT = [dict(type='RandomScaleRotation')]


def scoped(pipeline):
    return [dict(transform, _scope_='mmpose') for transform in pipeline]


def records(root, subset, **kwargs):
    """Six categories of 20 instances."""
    return dict(
        type='MP100Dataset',
        _scope_='mmpose',
        data_root=str(root),
        ann_file=f'annotations/mp100_split1_{subset}.json',
        data_prefix=dict(img='images'),
        # the seconds that MMEngine takes to pack records for workers
        serialize_data=False,
        **kwargs,
    )


def pair_dataset(root, base='train', novel='test', pipeline=(*LOAD, *AUGMENT, *CROP), **kwargs):
    """Base categories of one file, novel ones of another; None for none."""
    return CategoryPairDataset(
        base=records(root, base) if isinstance(base, str) else base,
        novel=records(root, novel) if isinstance(novel, str) else novel,
        pipeline=scoped(pipeline),
        **kwargs,
    )
