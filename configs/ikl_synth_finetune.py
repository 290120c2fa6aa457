# Fine-tuning: the new keypoints alone. It forgets the old ones: the lower end.
_base_ = 'ikl_synth.py'

model = dict(distillation=None, ka_net=None)
