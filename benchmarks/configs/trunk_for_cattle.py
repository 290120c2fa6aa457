# The trunk of the comparisons on cattle: a heatmap detector of all 18 keypoints trained on horses
# and sheep. Of its checkpoint only the backbone is used. Nothing of it has seen the species that
# is compared on.
_base_ = [
    '../../configs/_base_/default_runtime.py',
    '../../configs/_base_/models/ikl_small.py',
    '../../configs/_base_/schedules/ikl_small.py',
]
data_root = '{{$KPT_DATA_ROOT:data}}/livestock'
max_epochs = 25
train_cfg = dict(max_epochs=max_epochs)
codec = dict(type='MSRAHeatmap', input_size=(128, 128), heatmap_size=(32, 32), sigma=2)
model = dict(head=dict(out_channels=18, decoder=codec))
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=max_epochs, T_max=max_epochs),
]
default_hooks = dict(checkpoint=dict(interval=5, max_keep_ckpts=1, save_best=None))

# pipelines
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='RandomFlip', direction='horizontal'),
    dict(
        type='RandomBBoxTransform',
        shift_factor=0.1,
        scale_factor=(0.7, 1.3),
        rotate_factor=40,
        rotate_prob=0.6,
    ),
    dict(type='PhotometricDistortion'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]

# data loaders
horse, sheep = (
    dict(
        type='LivestockDataset',
        data_root=data_root,
        ann_file=f'annotations/{species}_train.json',
        data_prefix=dict(img='images/'),
        pipeline=train_pipeline,
    )
    for species in ('horse', 'sheep')
)
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(type='ConcatDataset', datasets=[horse, sheep], ignore_keys='CLASSES'),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='LivestockDataset',
        data_root=data_root,
        ann_file='annotations/horse_val.json',
        data_prefix=dict(img='images/'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_evaluator = [dict(type='PCKAccuracy', thr=0.1)]
