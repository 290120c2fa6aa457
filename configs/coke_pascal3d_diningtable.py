# CoKe on the category diningtable of PASCAL3D+, 12 keypoints.
_base_ = 'coke_pascal3d_car.py'

category = 'diningtable'
model = dict(head=dict(num_keypoints=12))
train_dataloader = dict(dataset=dict(category=category))
test_dataloader = dict(dataset=dict(category=category))
