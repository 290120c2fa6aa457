# Weak-shot on Stable Diffusion 1.5, as the paper: crops of 512 px, maps of 64 x 64, and prompts in
# place of a text's tokens. The model is downloaded (3.8 GB) or read from a folder:
# --cfg-options model.backbone.model=FOLDER. Needs the extra `diffusion`.
num_prompts = 100
channels = 384
model = dict(
    type='WeakShotPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[127.5, 127.5, 127.5],
        std=[127.5, 127.5, 127.5],
        bgr_to_rgb=True,
    ),
    backbone=dict(
        type='DiffusersUNetBackbone',
        model='stable-diffusion-v1-5/stable-diffusion-v1-5',
        num_prompts=num_prompts,
        num_sinks=16,
        map_size=64,
        timestep=1,
        grad_through_unet=True,
    ),
    # three residual blocks a level, finest first
    neck=dict(
        type='FeatureAggregator',
        in_channels=[320, 320, 320, 640, 640, 640, 1280, 1280, 1280, 1280, 1280, 1280],
        out_channels=channels,
        num_groups=32,
    ),
    head=dict(type='PromptMapHead', num_prompts=num_prompts),
    keyness=dict(type='KeynessHead', in_channels=channels, num_groups=32),
    # the aggregated features are the descriptors
    correspondence=dict(type='CorrespondenceHead', in_channels=channels, dims=None),
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
