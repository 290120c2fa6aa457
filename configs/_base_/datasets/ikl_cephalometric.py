# 38 landmarks of lateral head X-rays (CL-Detection 2023) in five steps by anatomical region:
# the base of the skull, the mandible, maxilla and teeth, and the skin of the upper and of the
# lower face. The paper's groups are not known. No landmark has a left and a right, and all heads
# face the same way, so images are not flipped.
data_root = '{{$KPT_DATA_ROOT:data}}/cephalometric'
steps = [
    [
        *('sella', 'nasion', 'orbitale', 'porion', 'basion', 'bolton'),
        *('pt_point', 'pterygomaxillary_fissure'),
    ],
    [
        *('articulare', 'condylion', 'gonion', 'menton', 'gnathion', 'pogonion', 'd_point'),
        'lower_incisor_apex',
    ],
    [
        *('posterior_nasal_spine', 'anterior_nasal_spine', 'subspinale'),
        *('upper_incisor_apex', 'upper_incisor', 'lower_incisor', 'upper_molar', 'lower_molar'),
    ],
    [
        *('glabella', 'soft_nasion', 'pronasale', 'columella', 'subnasale'),
        *('upper_lip', 'upper_lip_border'),
    ],
    [
        *('supramentale', 'lower_lip', 'lower_lip_border', 'soft_pogonion', 'soft_gnathion'),
        *('soft_menton', 'cervical_point'),
    ],
]
step = 0
codec = dict(type='MSRAHeatmap', input_size=(512, 512), heatmap_size=(128, 128), sigma=2)

# pipelines
train_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale', padding=1.0),
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
    dict(type='GetBBoxCenterScale', padding=1.0),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]

# data loaders
train_dataloader = dict(
    batch_size=4,  # a step has 60 images
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='KeypointStepDataset',
        steps=steps,
        step=step,
        dataset=dict(
            type='CephalometricDataset',
            data_root=data_root,
            ann_file='annotations/cephalometric_train.json',
            data_prefix=dict(img='images/'),
        ),
        pipeline=train_pipeline,
    ),
)
test_dataloader = dict(
    batch_size=16,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='KeypointStepDataset',
        steps=steps,
        step=step,
        test_mode=True,
        dataset=dict(
            type='CephalometricDataset',
            data_root=data_root,
            ann_file='annotations/cephalometric_test.json',
            data_prefix=dict(img='images/'),
            test_mode=True,
        ),
        pipeline=test_pipeline,
    ),
)

# evaluators
# Mean radial error in mm, and the share of errors below 2, 2.5, 3 and 4 mm.
test_evaluator = [dict(type='IncrementalKeypointMetric', base='mre', spacing='spacing')]
