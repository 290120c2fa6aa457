# FMMP on the synthetic set, from scratch in minutes on two CPU cores: what `make demo` runs.
_base_ = ['_base_/default_runtime.py', '_base_/models/fmmp_small.py']

data_root = '{{$KPT_DATA_ROOT:data}}/synth'
input_size = (96, 96)
num_keypoints = 40
batch_size = 16
num_references = 4
warmup_epochs = 6
max_epochs = 9

# runtime
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_begin=4, val_interval=1)
val_cfg = dict()
test_cfg = dict()

# optimiser and policy
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=2e-3, weight_decay=0.01),
    clip_grad=dict(max_norm=5.0),
)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=100, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=max_epochs,
        T_max=max_epochs,
        eta_min_ratio=0.02,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
auto_scale_lr = dict(base_batch_size=batch_size)

# hooks
default_hooks = dict(
    logger=dict(interval=20),
)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ProposalWarmupHook', num_epochs=warmup_epochs),
]
model_wrapper_cfg = dict(type='MMDistributedDataParallel', find_unused_parameters=True)

# pipelines
load = [dict(type='LoadImageChecked'), dict(type='GetBBoxCenterScale', padding=1.25)]
crop = [dict(type='TopdownAffine', input_size=input_size), dict(type='HideKeypointsOutsideCrop')]
augment = [dict(type='RandomScaleRotation')]
pack = [dict(type='StructuralReferences', num_references=num_references), dict(type='PackEpisode')]
train_episode = [dict(type='KeypointPadding', mode='mixup', num_keypoints=num_keypoints), *pack]
test_episode = [dict(type='KeypointPadding', mode='eqdiv', num_keypoints=num_keypoints), *pack]

# data loaders
train_dataloader = dict(
    batch_size=batch_size,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='EpisodeDataset',
        num_episodes=2240,
        dataset=dict(
            type='MP100Dataset',
            data_root=data_root,
            ann_file='annotations/synth_train.json',
            data_prefix=dict(img='images'),
            pipeline=[*load, *augment, *crop],
        ),
        pipeline=train_episode,
    ),
)
val_dataloader = dict(
    batch_size=20,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='EpisodeDataset',
        num_episodes=4,
        num_queries=5,
        test_mode=True,
        dataset=dict(
            type='MP100Dataset',
            data_root=data_root,
            ann_file='annotations/synth_val.json',
            data_prefix=dict(img='images'),
            pipeline=[*load, *crop],
            test_mode=True,
        ),
        pipeline=test_episode,
    ),
)
test_dataloader = dict(
    batch_size=20,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='EpisodeDataset',
        num_episodes=10,
        num_queries=10,
        test_mode=True,
        dataset=dict(
            type='MP100Dataset',
            data_root=data_root,
            ann_file='annotations/synth_test.json',
            data_prefix=dict(img='images'),
            pipeline=[*load, *crop],
            test_mode=True,
        ),
        pipeline=test_episode,
    ),
)

# evaluators
val_evaluator = [dict(type='EpisodeKeypointMetric'), dict(type='CopySupportMetric')]
test_evaluator = val_evaluator
