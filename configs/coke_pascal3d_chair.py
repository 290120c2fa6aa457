# CoKe on the category chair of PASCAL3D+, 10 keypoints.
_base_ = 'coke_pascal3d_car.py'

category = 'chair'
model = dict(head=dict(num_keypoints=10))
train_dataloader = dict(dataset=dict(category=category))
test_dataloader = dict(dataset=dict(category=category))
