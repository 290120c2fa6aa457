# CoKe on 18 categories of ObjectNet3D: one extractor, and for each category prototypes of its own.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/coke_res50.py',
    '_base_/schedules/coke.py',
    '_base_/datasets/objectnet3d.py',
]

model = dict(
    head=dict(
        num_keypoints=_base_.num_keypoints,
        num_classes=len(_base_.categories),
        category_ids=_base_.category_ids,
        decoder=_base_.codec,
    ),
    test_cfg=dict(flip_test=False),
)

# hooks
# Nothing is chosen by a validation: the only labelled images besides those of the training are
# those of the test.
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
