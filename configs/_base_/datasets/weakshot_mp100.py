# MP-100 at 256 px for weak-shot learning: the training categories of split 1 are the labelled base,
# its test categories novel. 70 % of each novel category's images are trained on without labels, the
# rest tested; the validation categories, never trained on, tell how training goes.
data_root = '{{$KPT_DATA_ROOT:data}}/mp100'
input_size = (256, 256)
# the model's prompts
max_keypoints = 100

# pipelines; there is no flip, MP-100 knows no left and right
load = [dict(type='LoadImageChecked'), dict(type='GetBBoxCenterScale', padding=1.25)]
augment = [
    dict(type='RandomScaleRotation', scale_std=0.15, rotation_std=15.0, rotation_prob=0.6),
]
crop = [dict(type='TopdownAffine', input_size=input_size), dict(type='PackWeakShot')]

# records
base = dict(
    type='MP100Dataset',
    data_root=data_root,
    ann_file='annotations/mp100_split1_train.json',
    data_prefix=dict(img='images'),
)
val_novel = dict(
    type='MP100Dataset',
    min_visible=0,
    data_root=data_root,
    ann_file='annotations/mp100_split1_val.json',
    data_prefix=dict(img='images'),
)
novel = dict(
    type='MP100Dataset',
    min_visible=0,  # whatever is annotated: training does not look at it
    data_root=data_root,
    ann_file='annotations/mp100_split1_test.json',
    data_prefix=dict(img='images'),
)

# data loaders
train_dataloader = dict(
    batch_size=16,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='BaseNovelPairSampler'),
    collate_fn=dict(type='pair_collate'),
    dataset=dict(
        type='CategoryPairDataset',
        base=base,
        novel=novel,
        max_keypoints=max_keypoints,
        num_pairs=16000,
        pipeline=[*load, *augment, *crop],
    ),
)
val_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CategoryPairDataset',
        novel=val_novel,
        test_mode=True,
        pipeline=[*load, *crop],
    ),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=4,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CategoryPairDataset',
        base=base,
        novel=novel,
        test_mode=True,
        pipeline=[*load, *crop],
    ),
)

# evaluators
val_evaluator = [dict(type='WeakShotKeypointMetric'), dict(type='MeanPoseMetric')]
test_evaluator = val_evaluator
