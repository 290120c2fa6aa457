# Weak-shot on a frozen DINOv2 ViT-S/14: crops of 448 px, four levels of 32 x 32, maps of 64 x 64.
# The weights are downloaded (88 MB) or read from a file:
# --cfg-options model.backbone.pretrained=FILE. Needs timm.
num_prompts = 100
channels = 256
model = dict(
    type='WeakShotPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='TimmViTBackbone',
        model_name='vit_small_patch14_dinov2.lvd142m',
        pretrained=True,
        out_indices=(2, 5, 8, 11),
        img_size=448,
    ),
    neck=dict(
        type='FeatureAggregator',
        in_channels=[384, 384, 384, 384],
        out_channels=channels,
        out_size=(64, 64),
    ),
    head=dict(
        type='PromptHeatmapHead',
        in_channels=channels,
        token_channels=[384],
        num_prompts=num_prompts,
        dims=256,
        num_layers=2,
        num_heads=8,
    ),
    keyness=dict(type='KeynessHead', in_channels=channels),
    correspondence=dict(type='CorrespondenceHead', in_channels=channels, dims=64),
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
