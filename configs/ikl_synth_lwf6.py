# Learning without forgetting with a gradient as large as that of the spatial distillation, six
# times the plain one's (docs/ikl.md): what the softmax alone is worth.
_base_ = 'ikl_synth_lwf.py'

model = dict(distillation=dict(loss_weight=6.0))
