# CoKe on the category boat of PASCAL3D+, 7 keypoints.
_base_ = 'coke_pascal3d_car.py'

category = 'boat'
model = dict(head=dict(num_keypoints=7))
train_dataloader = dict(dataset=dict(category=category))
test_dataloader = dict(dataset=dict(category=category))
