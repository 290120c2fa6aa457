# CoKe on horses, 18 keypoints.
_base_ = 'coke_livestock_cattle.py'

train_dataloader = dict(dataset=dict(ann_file='annotations/horse_train.json'))
test_dataloader = dict(dataset=dict(ann_file='annotations/horse_test.json'))
