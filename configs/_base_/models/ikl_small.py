# A heatmap detector that trains on a CPU: the first three stages of a narrow ResNet-18 and two
# deconvolutions, 128 px in, 32 x 32 heatmaps out. An ordinary MMPose model;
# configs set head.out_channels and head.decoder.
model = dict(
    type='TopdownPoseEstimator',
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
        out_indices=(2,),
    ),
    head=dict(
        type='HeatmapHead',
        in_channels=128,
        deconv_out_channels=(64, 64),
        deconv_kernel_sizes=(4, 4),
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
    ),
    test_cfg=dict(flip_test=False),
)
