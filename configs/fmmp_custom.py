# FMMP on your own categories: COCO-style keypoint files (docs/data.md), from scratch on two cores.
#
#   python tools/train.py configs/fmmp_custom.py --cfg-options data_root=my_data \
#       train_ann=annotations/train.json val_ann=annotations/val.json test_ann=annotations/test.json
#
# Below data_root lie the annotation files and images/. Train, val and test should have different
# categories if the model is to work on new ones. A few categories teach it little: half of the
# training pairs come from the synthetic set (python tools/make_synthetic.py), and it helps to start
# from the model that `make demo` trains on it: load_from=work_dirs/fmmp_synth/epoch_9.pth.
_base_ = 'fmmp_synth.py'

data_root = '{{$KPT_DATA_ROOT:data}}/custom'
train_ann = 'annotations/train.json'
val_ann = 'annotations/val.json'
test_ann = 'annotations/test.json'
synth_root = '{{$KPT_DATA_ROOT:data}}/synth'
input_size = (96, 96)
num_keypoints = 40
warmup_epochs = 8
max_epochs = 14

# runtime
train_cfg = dict(max_epochs=max_epochs, val_begin=2, val_interval=2)

# policy
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

# hooks
custom_hooks = [
    *_base_.custom_hooks[:-1],
    dict(type='ProposalWarmupHook', num_epochs=warmup_epochs),
]

# pipelines
load = [dict(type='LoadImageChecked'), dict(type='GetBBoxCenterScale', padding=1.25)]
crop = [dict(type='TopdownAffine', input_size=input_size), dict(type='HideKeypointsOutsideCrop')]
augment = [
    dict(type='RandomScaleRotation', scale_std=0.2, rotation_std=20.0, rotation_prob=0.8),
]
colour = [dict(type='PhotometricDistortion', hue_delta=9, saturation_range=(0.7, 1.3))]
train_episode = [
    dict(type='KeypointPadding', mode='mixup', num_keypoints=num_keypoints),
    *_base_.pack,
]
test_episode = [
    dict(type='KeypointPadding', mode='eqdiv', num_keypoints=num_keypoints),
    *_base_.pack,
]

# data loaders
train_dataloader = dict(
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        ignore_keys=['dataset_name', 'categories'],
        datasets=[
            dict(
                type='EpisodeDataset',
                num_episodes=1120,
                dataset=dict(
                    type='MP100Dataset',
                    data_root=root,
                    ann_file=ann,
                    data_prefix=dict(img='images'),
                    pipeline=[*load, *augment, *crop, *colour],
                ),
                pipeline=train_episode,
            )
            for root, ann in ((data_root, train_ann), (synth_root, 'annotations/synth_train.json'))
        ],
    ),
)
val_dataloader = dict(
    dataset=dict(
        num_episodes=30,
        dataset=dict(data_root=data_root, ann_file=val_ann, pipeline=[*load, *crop]),
        pipeline=test_episode,
    ),
)
test_dataloader = dict(
    dataset=dict(
        num_episodes=40,
        num_queries=15,
        dataset=dict(data_root=data_root, ann_file=test_ann, pipeline=[*load, *crop]),
        pipeline=test_episode,
    ),
)
