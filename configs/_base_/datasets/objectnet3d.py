# 18 categories of ObjectNet3D, those on which the authors' group compares pose estimators; which
# ones CoKe's paper took is not known. The lists `train` and `val`, as
# tools/dataset_converters/objectnet3d_to_coco.py writes them. No flips: most keypoints are corners
# that are numbered around the object.
data_root = '{{$KPT_DATA_ROOT:data}}/objectnet3d'
# What MMPoseInferencer asks for.
data_mode = 'topdown'
dataset_type = 'ObjectNet3DDataset'
categories = [
    'bed',
    'bookshelf',
    'cabinet',
    'calculator',
    'cellphone',
    'computer',
    'guitar',
    'iron',
    'knife',
    'microwave',
    'pen',
    'pot',
    'rifle',
    'slipper',
    'stove',
    'toilet',
    'tub',
    'wheelchair',
]
# Their numbers in the annotation files, and the largest number of keypoints of one, the wheelchair.
category_ids = [5, 10, 14, 15, 20, 25, 40, 45, 50, 55, 60, 65, 70, 80, 85, 90, 95, 100]
num_keypoints = 24
codec = dict(type='PrototypeCellCodec', input_size=(256, 256), stride=8)
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
    'azimuth_bin',
    'occlusion_level',
)

# pipelines
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.25),
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
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type=dataset_type,
        categories=categories,
        num_keypoints=num_keypoints,
        data_root=data_root,
        ann_file='annotations/objectnet3d_train.json',
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
        categories=categories,
        num_keypoints=num_keypoints,
        data_root=data_root,
        ann_file='annotations/objectnet3d_val.json',
        data_prefix=dict(img='images/'),
        test_mode=True,
        pipeline=test_pipeline,
    ),
)

# evaluators
test_evaluator = [
    dict(type='VisiblePCKMetric', thr=0.1, norm='bbox', by=('category', 'azimuth_bin'))
]
