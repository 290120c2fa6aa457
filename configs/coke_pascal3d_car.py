# CoKe on the cars of PASCAL3D+, 12 keypoints; the configs of the other 11 categories differ in the
# category and its number of keypoints alone. Under occlusion, a checkpoint is tested by
#
#   python tools/test.py coke_pascal3d_car CHECKPOINT --cfg-options \
#       test_dataloader.dataset.type=OccludedPascal3DDataset \
#       test_dataloader.dataset.data_root=data/occluded_pascal3d
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/coke_res50.py',
    '_base_/schedules/coke.py',
    '_base_/datasets/pascal3d.py',
]

model = dict(head=dict(num_keypoints=12, decoder=_base_.codec))

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
