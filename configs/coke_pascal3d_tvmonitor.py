# CoKe on the category tvmonitor of PASCAL3D+, 8 keypoints.
_base_ = 'coke_pascal3d_car.py'

category = 'tvmonitor'
model = dict(head=dict(num_keypoints=8))
train_dataloader = dict(dataset=dict(category=category))
test_dataloader = dict(dataset=dict(category=category))
