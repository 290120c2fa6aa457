"""A whole experiment of seconds on the ``tiny_mp100`` data, for the tests of tools and runs."""

_base_ = ['../configs/_base_/default_runtime.py']

data_root = '{{$KPT_DATA_ROOT:data}}/mp100'
input_size = (64, 64)

train_cfg = dict(by_epoch=True, max_epochs=3)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-3))
param_scheduler = [dict(type='LinearLR', begin=0, end=8, start_factor=0.1, by_epoch=False)]
auto_scale_lr = dict(base_batch_size=4)
default_hooks = dict(logger=dict(interval=1))

model = dict(
    type='FewShotPoseEstimator',
    backbone=dict(type='ResNet', depth=18, stem_channels=8, base_channels=8, out_indices=(1, 2, 3)),
    neck=dict(type='TopDownPyramid', in_channels=[16, 32, 64], out_channels=32),
    # Dropout, because it is what a careless resume would draw anew.
    head=dict(
        type='FMMPHead',
        dims=32,
        num_layers=2,
        num_heads=2,
        dropout=0.1,
        loss_keypoint=dict(type='KeypointL1Loss'),
        loss_padding=dict(type='KeypointL1Loss', loss_weight=0.5),
    ),
)

load_box = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale')]
crop = [dict(type='TopdownAffine', input_size=input_size), dict(type='HideKeypointsOutsideCrop')]
augment = [dict(type='RandomScaleRotation')]
pack = [dict(type='StructuralReferences'), dict(type='PackEpisode')]

train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='EpisodeDataset',
        num_episodes=8,
        dataset=dict(
            type='MP100Dataset',
            data_root=data_root,
            ann_file='annotations/mp100_split1_train.json',
            data_prefix=dict(img='images'),
            pipeline=[*load_box, *augment, *crop],
        ),
        pipeline=[dict(type='KeypointPadding', mode='mixup', num_keypoints=16), *pack],
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='EpisodeDataset',
        num_episodes=1,
        num_queries=3,
        test_mode=True,
        dataset=dict(
            type='MP100Dataset',
            data_root=data_root,
            ann_file='annotations/mp100_split1_val.json',
            # An odd number of pairs, so that the second of two ranks repeats one.
            category_ids=[6, 12, 22, 35, 48],
            data_prefix=dict(img='images'),
            pipeline=[*load_box, *crop],
            test_mode=True,
        ),
        pipeline=[dict(type='KeypointPadding', mode='eqdiv', num_keypoints=16), *pack],
    ),
)
test_dataloader = val_dataloader
val_evaluator = [dict(type='EpisodeKeypointMetric'), dict(type='CopySupportMetric')]
test_evaluator = val_evaluator
