# Elastic weight consolidation: the squared change of a parameter counts by the Fisher
# information. The weight makes the change of plain fine-tuning's first 40 iterations cost about
# as much as the loss of the keypoints.
_base_ = 'ikl_livestock_cattle.py'

model = dict(
    distillation=None,
    ka_net=None,
    regularizer=dict(
        type='ParameterRegularizer',
        kind='ewc',
        loss_weight=1e6,
        importance='work_dirs/ikl_livestock_cattle_step0/importance.pth',
    ),
)
custom_hooks = [*_base_.custom_hooks, dict(type='ParameterImportanceHook', kinds=('ewc',))]
