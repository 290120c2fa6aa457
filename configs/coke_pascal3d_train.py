# CoKe on the category train of PASCAL3D+, 17 keypoints.
_base_ = 'coke_pascal3d_car.py'

category = 'train'
model = dict(head=dict(num_keypoints=17))
train_dataloader = dict(dataset=dict(category=category))
test_dataloader = dict(dataset=dict(category=category))
