# Keypoint-wise spatial distillation without KA-Net.
_base_ = 'ikl_livestock_cattle.py'

model = dict(ka_net=None)
