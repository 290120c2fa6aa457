# Joint training: all images so far with all labels so far. It needs the old data: the upper end.
_base_ = 'ikl_synth.py'

model = dict(distillation=None, ka_net=None, joint=True)
train_dataloader = dict(dataset=dict(split='seen', hide_old=False))
