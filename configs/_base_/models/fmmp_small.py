# FMMP for training from scratch on a CPU: the first three stages of a narrow ResNet-18, maps of
# strides 4, 8 and 16, fewer channels, and a proposal that starts the recurrence (docs/fmmp.md).
model = dict(
    type='FewShotPoseEstimator',
    data_preprocessor=dict(
        type='EpisodeDataPreprocessor',
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
    ),
    neck=dict(type='TopDownPyramid', in_channels=[32, 64, 128], out_channels=128),
    head=dict(
        type='FMMPHead',
        dims=128,
        num_layers=3,
        num_heads=4,
        num_levels=3,
        num_samples=2,
        num_references=4,
        dropout=0.0,
        proposal=dict(temperature=0.04),
        loss_keypoint=dict(type='KeypointL1Loss'),
        loss_padding=dict(type='KeypointL1Loss', loss_weight=0.5),
        loss_proposal=dict(type='KeypointCrossEntropyLoss', sigma=0.7),
    ),
    # each pair in both directions: twice the supervision for the same backbone
    train_cfg=dict(symmetric=True),
)
