# FMMP on MP-100, split 1, 1 shot, with an HRNet-W32 backbone: branches of strides 8, 16 and 32.
_base_ = ['fmmp_mp100_split1.py', '_base_/models/hrnetw32.py']

model = dict(
    backbone=dict(_base_.hrnetw32_branches, _delete_=True),
    # the finest branch (stride 4) stays unused
    neck=dict(in_channels=[64, 128, 256], in_indices=(1, 2, 3)),
)
