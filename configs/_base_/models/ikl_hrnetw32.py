# HRNet-W32 with a 1 x 1 convolution as its head: a heatmap cell is 4 x 4 px of the input.
# An ordinary MMPose model; configs set head.out_channels and head.decoder.
_base_ = 'hrnetw32.py'

model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(
        type='PoseDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
    ),
    backbone=_base_.hrnetw32,
    head=dict(
        type='HeatmapHead',
        in_channels=32,
        deconv_out_channels=None,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
    ),
    test_cfg=dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True),
)
