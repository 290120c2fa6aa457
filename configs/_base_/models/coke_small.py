# CoKe that trains on a CPU: the first three stages of a narrow ResNet-18, upsampled to a vector of
# 64 numbers for each cell of 4 x 4 px, 128 px in, 32 x 32 cells out. Its loss has the spatial
# term, which is not the paper's: without it, few epochs teach little
# (--cfg-options model.head.loss.spatial_weight=0 goes without). Configs set head.num_keypoints and
# head.decoder.
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
        out_indices=(0, 1, 2),
    ),
    neck=dict(type='UNetUpsampleNeck', in_channels=[32, 64, 128], out_channels=64),
    head=dict(
        type='CoKeHead',
        in_channels=64,
        feat_dim=64,
        bank=dict(type='PrototypeBank', mode='ema', momentum=0.9),
        # 256 images of 10 cells each
        clutter=dict(type='ClutterBank', size=2560),
        noise_per_image=10,
        exclude_radius=1,
        noise_inside=0.5,
        loss=dict(
            type='CoKeContrastiveLoss',
            temperature=0.07,
            near_distance=1.0,
            clutter_weight=5e-3,
            reg_weight=0.1,
            spatial_weight=1.0,
        ),
    ),
    test_cfg=dict(flip_test=False),
)
# Every process updates its banks with the features of all: none may overwrite another's.
model_wrapper_cfg = dict(type='MMDistributedDataParallel', broadcast_buffers=False)
