# MPII Human Pose in five steps: trunk and head, shoulders, hips, arms, legs. The paper's groups
# are not known. The triplets associate two new joints with the old one they hang on.
data_root = '{{$KPT_DATA_ROOT:data}}/mpii'
steps = [
    ['pelvis', 'thorax', 'upper_neck', 'head_top'],
    ['right_shoulder', 'left_shoulder'],
    ['right_hip', 'left_hip'],
    ['right_elbow', 'left_elbow', 'right_wrist', 'left_wrist'],
    ['right_knee', 'left_knee', 'right_ankle', 'left_ankle'],
]
step_triplets = [
    [],
    [['right_shoulder', 'left_shoulder', 'thorax']],
    [['right_hip', 'left_hip', 'pelvis']],
    [['right_elbow', 'right_wrist', 'right_shoulder']],
    [['right_knee', 'right_ankle', 'right_hip']],
]
step = 0
codec = dict(type='MSRAHeatmap', input_size=(256, 256), heatmap_size=(64, 64), sigma=2)

# pipelines
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform', shift_prob=0),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]

# data loaders
train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='KeypointStepDataset',
        steps=steps,
        step=step,
        dataset=dict(
            type='MpiiDataset',
            data_root=data_root,
            ann_file='annotations/mpii_train.json',
            data_prefix=dict(img='images/'),
        ),
        pipeline=train_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='KeypointStepDataset',
        steps=steps,
        step=step,
        test_mode=True,
        dataset=dict(
            type='MpiiDataset',
            data_root=data_root,
            ann_file='annotations/mpii_val.json',
            headbox_file=f'{data_root}/annotations/mpii_gt_val.mat',
            data_prefix=dict(img='images/'),
            test_mode=True,
        ),
        pipeline=test_pipeline,
    ),
)

# evaluators
# As MMPose's MpiiPCKAccuracy, which adds 1 px to predictions.
test_evaluator = [dict(type='IncrementalKeypointMetric', base='pckh', thr=0.5, offset=1)]
