# Hard pseudo-labels of the teacher in place of distillation, as DeepLabCut's memory replay.
_base_ = 'ikl_synth.py'

model = dict(
    distillation=dict(_delete_=True, type='PseudoLabelLoss', threshold=0.3, sigma=2),
    ka_net=None,
)
