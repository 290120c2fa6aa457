# Learning without forgetting: the softmax runs over the keypoints.
_base_ = 'ikl_synth.py'

model = dict(
    distillation=dict(_delete_=True, type='ChannelDistillationLoss', temperature=2.0),
    ka_net=None,
)
