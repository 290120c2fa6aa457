# Fine-tuning: the new keypoints alone. It forgets the old ones: the lower end.
_base_ = 'ikl_livestock_cattle.py'

model = dict(distillation=None, ka_net=None)
