# One synthetic category, a quadruped seen from the side, in four steps: head, back and tail
# first, then where the legs begin, then the fore and last the hind legs. Of its 21 keypoints the
# jaw, close to the nose, is left out. Every group is closed under left/right and has neighbours
# among the keypoints before it. Training and test images are different ones of one file.
data_root = '{{$KPT_DATA_ROOT:data}}/synth_quadruped'
steps = [
    [
        *('nose', 'eye', 'poll', 'left_ear_tip', 'right_ear_tip'),
        *('withers', 'tail_root', 'tail_tip'),
    ],
    ['left_front_thigh', 'right_front_thigh', 'left_hind_thigh', 'right_hind_thigh'],
    ['left_front_knee', 'right_front_knee', 'left_front_foot', 'right_front_foot'],
    ['left_hind_knee', 'right_hind_knee', 'left_hind_foot', 'right_hind_foot'],
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
            type='CocoKeypointDataset',
            data_root=data_root,
            ann_file='annotations/synth_train.json',
            data_prefix=dict(img='images/'),
            indices=1000,  # the first thousand images
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
            type='CocoKeypointDataset',
            data_root=data_root,
            ann_file='annotations/synth_train.json',
            data_prefix=dict(img='images/'),
            test_mode=True,
            indices=-200,  # the last two hundred
        ),
        pipeline=test_pipeline,
    ),
)

# evaluators
# Half of the usual threshold: 99 percent of the first keypoints are found within 0.1.
test_evaluator = [dict(type='IncrementalKeypointMetric', base='pck', thr=0.05)]
