# Weak-shot learning at 96 px on two COCO-like files, of labelled and of unlabelled categories; by
# default those of the synthetic set. Configs with other data set base and novel below.
data_root = '{{$KPT_DATA_ROOT:data}}/synth'
input_size = (96, 96)
# the model's prompts
max_keypoints = 48

# pipelines
load = [dict(type='LoadImageChecked'), dict(type='GetBBoxCenterScale', padding=1.25)]
augment = [
    dict(type='RandomScaleRotation', scale_std=0.2, rotation_std=20.0, rotation_prob=0.8),
]
affine = [dict(type='TopdownAffine', input_size=input_size)]
colour = [dict(type='PhotometricDistortion', hue_delta=9, saturation_range=(0.7, 1.3))]
pack = [dict(type='PackWeakShot')]

# records
base = dict(
    type='MP100Dataset',
    data_root=data_root,
    ann_file='annotations/synth_train.json',
    data_prefix=dict(img='images'),
)
novel = dict(
    type='MP100Dataset',
    min_visible=0,  # whatever is annotated: training does not look at it
    data_root=data_root,
    ann_file='annotations/synth_test.json',
    data_prefix=dict(img='images'),
)

# data loaders
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='BaseNovelPairSampler'),
    collate_fn=dict(type='pair_collate'),
    dataset=dict(
        type='CategoryPairDataset',
        base=base,
        novel=novel,
        max_keypoints=max_keypoints,
        num_pairs=1600,
        pipeline=[*load, *augment, *affine, *colour, *pack],
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CategoryPairDataset',
        base=base,
        novel=novel,
        max_images=20,
        test_mode=True,
        pipeline=[*load, *affine, *pack],
    ),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CategoryPairDataset',
        base=base,
        novel=novel,
        test_mode=True,
        pipeline=[*load, *affine, *pack],
    ),
)

# evaluators
val_evaluator = [dict(type='WeakShotKeypointMetric'), dict(type='MeanPoseMetric')]
test_evaluator = val_evaluator
