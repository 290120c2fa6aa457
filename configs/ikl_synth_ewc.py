# Elastic weight consolidation: the squared change of a parameter counts by the Fisher
# information. The weight is that of ikl_livestock_cattle_ewc.py.
_base_ = 'ikl_synth.py'

model = dict(
    distillation=None,
    ka_net=None,
    regularizer=dict(
        type='ParameterRegularizer',
        kind='ewc',
        loss_weight=1e6,
        importance='work_dirs/ikl_synth_step0/importance.pth',
    ),
)
custom_hooks = [*_base_.custom_hooks, dict(type='ParameterImportanceHook', kinds=('ewc',))]
