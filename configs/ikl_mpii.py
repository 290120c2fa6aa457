# KAMP on MPII Human Pose, in the paper's setting as far as it is known: 16 joints in five steps,
# each from its own images with its own labels alone. The data are laid out as for MMPose.
#
#   python tools/train_incremental.py configs/ikl_mpii.py
_base_ = 'ikl_mpii_step0.py'

base_config = 'ikl_mpii_step0.py'
step = 1

model = dict(
    type='IncrementalPoseEstimator',
    steps=_base_.steps,
    step=step,
    parent='work_dirs/ikl_mpii_step0/detector.pth',
    distillation=dict(type='SpatialDistillationLoss', loss_weight=1.0),
    ka_net=dict(num_triplets=1),
    association_loss=dict(type='SpatialDistillationLoss', loss_weight=1.0),
    triplets=_base_.step_triplets[step],
)
train_dataloader = dict(dataset=dict(step=step))
test_dataloader = dict(dataset=dict(step=step))
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='KnowledgeAssociationHook', num_epochs=20),
]
model_wrapper_cfg = dict(type='MMDistributedDataParallel', find_unused_parameters=True)
