# MPII Human Pose, laid out as for MMPose. The box of a person is the square around it that the
# annotation gives, already larger than the person. This file must not be called mpii.py, in which
# MMPose would look for the names of the joints.
data_root = '{{$KPT_DATA_ROOT:data}}/mpii'
# What MMPoseInferencer asks for.
data_mode = 'topdown'
dataset_type = 'CheckedMpiiDataset'
codec = dict(type='PrototypeCellCodec', input_size=(256, 256), stride=8)
# What the head needs goes with every image.
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
)

# pipelines
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
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
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='BoxToInput'),
    dict(type='PackPoseInputs', meta_keys=meta_keys),
]

# data loaders
train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/mpii_train.json',
        data_prefix=dict(img='images/'),
        pipeline=train_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='annotations/mpii_val.json',
        headbox_file=f'{data_root}/annotations/mpii_gt_val.mat',
        data_prefix=dict(img='images/'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)

# evaluators
test_evaluator = [dict(type='MpiiPCKAccuracy')]
