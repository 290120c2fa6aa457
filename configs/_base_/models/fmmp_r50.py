# FMMP as released: ResNet-50, 256 px crops, 3 recurrent layers, 8 references.
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
        depth=50,
        out_indices=(1, 2, 3),
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    neck=dict(type='TopDownPyramid', in_channels=[512, 1024, 2048], out_channels=256),
    head=dict(
        type='FMMPHead',
        dims=256,
        num_layers=3,
        num_heads=8,
        num_levels=3,
        num_samples=4,
        num_references=8,
        dropout=0.1,
        order_code='index',
        loss_keypoint=dict(type='KeypointL1Loss'),
        loss_padding=dict(type='KeypointL1Loss', loss_weight=0.5),
        mask_loss_with_support=False,
    ),
)
