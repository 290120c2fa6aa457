# Weak-shot estimator for training from scratch on a CPU: three stages of a narrow ResNet-18 with
# group normalisation (the statistics of a batch would mix base and novel categories), 96 px in,
# maps of 24 x 24 cells, 48 prompts.
model = dict(
    type='WeakShotPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='ResNet',
        depth=18,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        stem_channels=32,
        base_channels=32,
        out_indices=(0, 1, 2),
        norm_cfg=dict(type='GN', num_groups=8, requires_grad=True),
    ),
    neck=dict(type='FeatureAggregator', in_channels=[32, 64, 128], out_channels=64),
    head=dict(
        type='PromptHeatmapHead',
        in_channels=64,
        token_channels=[64, 128],
        token_levels=[1, 2],
        num_prompts=48,
        dims=96,
        num_layers=2,
        num_heads=4,
        feedforward=192,
    ),
    keyness=dict(type='KeynessHead', in_channels=64, radius=2.0),
    correspondence=dict(type='CorrespondenceHead', in_channels=64, dims=64),
    assigner=dict(type='PromptKeypointAssigner'),
    losses=dict(
        prompt=dict(type='PromptHeatmapLoss'),
        keyness=dict(type='KeynessLoss'),
        correspondence=dict(type='CorrespondenceLoss', loss_weight=0.02),
        # Two sigmas apart. Without it, in a training of minutes, prompts merge on few places.
        guiding=dict(type='OffsetGuidingLoss', loss_weight=0.1, separation=3.0),
        consistency=dict(type='CorrespondenceConsistencyLoss', loss_weight=0.2),
        # A fifth of the defaults, which in a training of minutes disturb the base losses.
        equivariance=dict(type='EquivarianceLoss', loss_weight=0.1, translation=0.15),
        localization=dict(type='LocalizationLoss', loss_weight=0.1),
    ),
    sigma=1.5,
)
