# HRNet-W32 with ImageNet weights, as MMPose has it: `hrnetw32` gives the finest branch, stride 4;
# `hrnetw32_branches` all four. Configs take one of them as model.backbone.
hrnetw32 = dict(
    type='HRNet',
    in_channels=3,
    extra=dict(
        stage1=dict(
            num_modules=1,
            num_branches=1,
            block='BOTTLENECK',
            num_blocks=(4,),
            num_channels=(64,),
        ),
        stage2=dict(
            num_modules=1,
            num_branches=2,
            block='BASIC',
            num_blocks=(4, 4),
            num_channels=(32, 64),
        ),
        stage3=dict(
            num_modules=4,
            num_branches=3,
            block='BASIC',
            num_blocks=(4, 4, 4),
            num_channels=(32, 64, 128),
        ),
        stage4=dict(
            num_modules=3,
            num_branches=4,
            block='BASIC',
            num_blocks=(4, 4, 4, 4),
            num_channels=(32, 64, 128, 256),
        ),
    ),
    init_cfg=dict(
        type='Pretrained',
        checkpoint='https://download.openmmlab.com/mmpose/pretrain_models/hrnet_w32-36af842e.pth',
    ),
)
hrnetw32_branches = dict(
    hrnetw32,
    extra=dict(
        hrnetw32['extra'],
        stage4=dict(hrnetw32['extra']['stage4'], multiscale_output=True),
    ),
)
