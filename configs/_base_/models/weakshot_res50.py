# Weak-shot estimator on ResNet-50: four levels in one map of 64 x 64 cells for 256 px, 100 prompts
# (MP-100 has up to 68 keypoints), weights of the losses as in docs/weakshot.md. Configs with
# other sizes of the map scale sigma and keyness.radius with it.
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
        depth=50,
        out_indices=(0, 1, 2, 3),
        # the statistics of a batch would mix base and novel categories
        norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    neck=dict(type='FeatureAggregator', in_channels=[256, 512, 1024, 2048], out_channels=256),
    head=dict(
        type='PromptHeatmapHead',
        in_channels=256,
        token_channels=[1024, 2048],
        token_levels=[2, 3],
        num_prompts=100,
        dims=256,
        num_layers=2,
    ),
    keyness=dict(type='KeynessHead', in_channels=256, radius=4.0),
    correspondence=dict(type='CorrespondenceHead', in_channels=256, dims=64),
    assigner=dict(type='PromptKeypointAssigner'),
    losses=dict(
        prompt=dict(type='PromptHeatmapLoss'),
        keyness=dict(type='KeynessLoss'),
        correspondence=dict(type='CorrespondenceLoss', loss_weight=0.02),
        guiding=dict(type='OffsetGuidingLoss', loss_weight=0.1),
        consistency=dict(type='CorrespondenceConsistencyLoss', loss_weight=0.2),
        equivariance=dict(type='EquivarianceLoss', loss_weight=0.5),
        localization=dict(type='LocalizationLoss', loss_weight=0.5),
    ),
    sigma=2.0,
)
