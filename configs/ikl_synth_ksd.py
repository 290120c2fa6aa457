# Keypoint-wise spatial distillation without KA-Net.
_base_ = 'ikl_synth.py'

model = dict(ka_net=None)
