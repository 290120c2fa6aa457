# CoKe on MPII Human Pose, 16 joints, PCKh@0.5.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/coke_res50.py',
    '_base_/schedules/coke.py',
    '_base_/datasets/coke_mpii.py',
]

model = dict(head=dict(num_keypoints=16, decoder=_base_.codec))

# hooks
# Nothing is chosen by a validation: the test is on the only other images with public labels.
default_hooks = dict(checkpoint=dict(interval=10, max_keep_ckpts=1, save_best=None))
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='BankInitHook', num_batches=50),
    dict(type='BankResetHook'),
    dict(type='BankRefreshHook'),
]

# logs
# MMPoseInferencer draws with it.
visualizer = dict(type='PoseLocalVisualizer')
