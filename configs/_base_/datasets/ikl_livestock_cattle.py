# Cattle of LivestockKeypoints in four steps: trunk and eye first, then the fore legs, the upper
# hind legs, and last ear and hind feet. Every group is closed under left/right and has neighbours
# among the keypoints before it.
data_root = '{{$KPT_DATA_ROOT:data}}/livestock'
steps = [
    ['mouth', 'eye', 'neck', 'shoulder', 'chest', 'hip', 'tail', 'elbow'],
    ['l_fore_wrist', 'r_fore_wrist', 'l_fore_foot', 'r_fore_foot'],
    ['hind_knee', 'l_hind_hock', 'r_hind_hock'],
    ['ear', 'l_hind_foot', 'r_hind_foot'],
]
step = 0
codec = dict(type='MSRAHeatmap', input_size=(128, 128), heatmap_size=(32, 32), sigma=2)

# pipelines
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='RandomFlip', direction='horizontal'),
    dict(
        type='RandomBBoxTransform',
        shift_factor=0.08,
        scale_factor=(0.8, 1.2),
        rotate_factor=30,
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
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='KeypointStepDataset',
        steps=steps,
        step=step,
        dataset=dict(
            type='LivestockDataset',
            data_root=data_root,
            ann_file='annotations/cattle_train.json',
            data_prefix=dict(img='images/'),
        ),
        pipeline=train_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='KeypointStepDataset',
        steps=steps,
        step=step,
        test_mode=True,
        dataset=dict(
            type='LivestockDataset',
            data_root=data_root,
            ann_file='annotations/cattle_test.json',
            data_prefix=dict(img='images/'),
            test_mode=True,
        ),
        pipeline=test_pipeline,
    ),
)

# evaluators
test_evaluator = [dict(type='IncrementalKeypointMetric', base='pck', thr=0.1)]
