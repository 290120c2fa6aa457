# CoKe on the category bicycle of PASCAL3D+, 11 keypoints.
_base_ = 'coke_pascal3d_car.py'

category = 'bicycle'
model = dict(head=dict(num_keypoints=11))
train_dataloader = dict(dataset=dict(category=category))
test_dataloader = dict(dataset=dict(category=category))
