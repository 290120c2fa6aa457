# CoKe as its authors' public code trains it: ResNet-50, upsampled to a vector of 128 numbers for
# each cell of 8 x 8 px; a prototype for each keypoint, and 2,560 vectors of clutter. Configs set
# head.num_keypoints and head.decoder. From scratch, or with few epochs, give the spatial term a
# weight, which is not the paper's: --cfg-options model.head.loss.spatial_weight=1.0
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
        depth=50,
        out_indices=(1, 2, 3),
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    neck=dict(type='UNetUpsampleNeck', in_channels=[512, 1024, 2048], out_channels=256),
    head=dict(
        type='CoKeHead',
        in_channels=256,
        feat_dim=128,
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
        ),
    ),
    test_cfg=dict(flip_test=True),
)
# Every process updates its banks with the features of all: none may overwrite another's.
model_wrapper_cfg = dict(type='MMDistributedDataParallel', broadcast_buffers=False)
