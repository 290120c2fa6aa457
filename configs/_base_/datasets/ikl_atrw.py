# Amur tigers of ATRW in four steps: head and back, where the legs begin, fore paws and hind
# knees, hind paws. The paper's groups are not known. The triplets associate two new keypoints
# with an old one near them.
data_root = '{{$KPT_DATA_ROOT:data}}/atrw'
steps = [
    ['left_ear', 'right_ear', 'nose', 'tail', 'center'],
    ['right_shoulder', 'left_shoulder', 'right_hip', 'left_hip'],
    ['right_front_paw', 'left_front_paw', 'right_knee', 'left_knee'],
    ['right_back_paw', 'left_back_paw'],
]
step_triplets = [
    [],
    [['right_hip', 'left_hip', 'tail']],
    [['right_knee', 'right_front_paw', 'right_hip']],
    [['right_back_paw', 'left_back_paw', 'right_knee']],
]
step = 0
codec = dict(type='MSRAHeatmap', input_size=(256, 256), heatmap_size=(64, 64), sigma=2)

# pipelines
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='RandomFlip', direction='horizontal'),
    dict(type='RandomBBoxTransform'),
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
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='KeypointStepDataset',
        steps=steps,
        step=step,
        dataset=dict(
            type='ATRWDataset',
            data_root=data_root,
            ann_file='annotations/keypoint_train.json',
            data_prefix=dict(img='images/train/'),
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
            type='ATRWDataset',
            data_root=data_root,
            ann_file='annotations/keypoint_val.json',
            data_prefix=dict(img='images/val/'),
            test_mode=True,
        ),
        pipeline=test_pipeline,
    ),
)

# evaluators
# The paper's threshold is not known; AAA, AT and MT come from the first one.
test_evaluator = [
    dict(type='IncrementalKeypointMetric', base='pck', thr=0.05),
    dict(type='IncrementalKeypointMetric', base='pck', thr=0.1, prefix='incremental@0.1'),
]
