# Riemannian walk: Fisher information and the path of training together. The weight makes the
# change of plain fine-tuning's first 40 iterations cost about as much as the loss of the
# keypoints.
_base_ = 'ikl_livestock_cattle.py'

model = dict(
    distillation=None,
    ka_net=None,
    regularizer=dict(
        type='ParameterRegularizer',
        kind='rwalk',
        loss_weight=0.08,
        importance='work_dirs/ikl_livestock_cattle_step0/importance.pth',
    ),
)
custom_hooks = [*_base_.custom_hooks, dict(type='ParameterImportanceHook', kinds=('rwalk',))]
