# MP-100 at 256 px: one support, the released augmentation and the published evaluation size.
data_root = '{{$KPT_DATA_ROOT:data}}/mp100'
input_size = (256, 256)
num_keypoints = 70
num_references = 8

# pipelines
load = [dict(type='LoadImageChecked'), dict(type='GetBBoxCenterScale', padding=1.25)]
crop = [dict(type='TopdownAffine', input_size=input_size), dict(type='HideKeypointsOutsideCrop')]
augment = [
    dict(type='RandomScaleRotation', scale_std=0.15, rotation_std=15.0, rotation_prob=0.6),
]
pack = [dict(type='StructuralReferences', num_references=num_references), dict(type='PackEpisode')]
train_episode = [dict(type='KeypointPadding', mode='mixup', num_keypoints=num_keypoints), *pack]
test_episode = [dict(type='KeypointPadding', mode='eqdiv', num_keypoints=num_keypoints), *pack]

# data loaders
train_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='EpisodeDataset',
        num_shots=1,
        dataset=dict(
            type='MP100Dataset',
            data_root=data_root,
            ann_file='annotations/mp100_split1_train.json',
            data_prefix=dict(img='images'),
            pipeline=[*load, *augment, *crop],
        ),
        pipeline=train_episode,
    ),
)
val_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='EpisodeDataset',
        num_shots=1,
        num_episodes=10,
        num_queries=15,
        test_mode=True,
        dataset=dict(
            type='MP100Dataset',
            data_root=data_root,
            ann_file='annotations/mp100_split1_val.json',
            data_prefix=dict(img='images'),
            pipeline=[*load, *crop],
            test_mode=True,
        ),
        pipeline=test_episode,
    ),
)
test_dataloader = dict(
    batch_size=16,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='EpisodeDataset',
        num_shots=1,
        num_episodes=200,
        num_queries=15,
        test_mode=True,
        legacy_sampling=True,
        dataset=dict(
            type='MP100Dataset',
            data_root=data_root,
            ann_file='annotations/mp100_split1_test.json',
            data_prefix=dict(img='images'),
            pipeline=[*load, *crop],
            test_mode=True,
        ),
        pipeline=test_episode,
    ),
)

# evaluators; the published masks take what every support shows
val_evaluator = [
    dict(type='EpisodeKeypointMetric', given='all'),
    dict(type='CopySupportMetric', given='all'),
]
test_evaluator = val_evaluator
