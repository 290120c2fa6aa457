# Base step of the comparison on cattle: the trunk of trunk_for_cattle.py, a smaller learning rate.
_base_ = '../../configs/ikl_livestock_cattle_step0.py'

model = dict(
    backbone=dict(
        init_cfg=dict(
            type='Pretrained',
            checkpoint='{{$KPT_TRUNK:work_dirs/trunk_for_cattle/epoch_25.pth}}',
            prefix='backbone.',
        )
    )
)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
