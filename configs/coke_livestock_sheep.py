# CoKe on sheep, 18 keypoints.
_base_ = 'coke_livestock_cattle.py'

train_dataloader = dict(dataset=dict(ann_file='annotations/sheep_train.json'))
test_dataloader = dict(dataset=dict(ann_file='annotations/sheep_test.json'))
