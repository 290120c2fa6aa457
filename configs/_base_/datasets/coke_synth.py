# One synthetic category, a quadruped seen from the side, with all its 21 keypoints: the images of
# ikl_synth.py. Training and test images are different ones of one file.
data_root = '{{$KPT_DATA_ROOT:data}}/synth_quadruped'
# What MMPoseInferencer asks for.
data_mode = 'topdown'
dataset_type = 'CocoKeypointDataset'
codec = dict(type='PrototypeCellCodec', input_size=(128, 128), stride=4, refine='mean')
# What the head and the evaluator need goes with every image.
meta_keys = (
    'id',
    'img_id',
    'img_path',
    'category_id',
    'ori_shape',
    'img_shape',
    'input_size',
    'input_center',
    'input_scale',
    'flip',
    'flip_direction',
    'flip_indices',
    'raw_ann_info',
    'dataset_name',
    'input_box',
    'occlusion_level',
    'keypoints_occluded',
)

# pipelines
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='RandomFlip', direction='horizontal'),
    dict(
        type='RandomBBoxTransform',
        shift_factor=0.08,
        scale_factor=(0.75, 1.25),
        rotate_factor=30,
        rotate_prob=0.6,
    ),
    dict(type='PhotometricDistortion'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='BoxToInput'),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs', meta_keys=meta_keys),
]
test_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='BoxToInput'),
    dict(type='PackPoseInputs', meta_keys=meta_keys),
]

# data loaders
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/synth_train.json',
        data_prefix=dict(img='images/'),
        indices=1000,  # the first thousand images
        pipeline=train_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/synth_train.json',
        data_prefix=dict(img='images/'),
        indices=-200,  # the last two hundred
        test_mode=True,
        pipeline=test_pipeline,
    ),
)

# evaluators
test_evaluator = [dict(type='VisiblePCKMetric', thr=0.1, norm='bbox', by=('category',))]
