# CoKe on cattle, 18 keypoints, in minutes on two CPU cores; the configs of horses and sheep differ
# in the files alone. Under occlusion:
#
#   python tools/occlusion_benchmark.py coke_livestock_cattle CHECKPOINT
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/coke_small.py',
    '_base_/schedules/coke_small.py',
    '_base_/datasets/coke_livestock.py',
]

model = dict(head=dict(num_keypoints=18, decoder=_base_.codec))

# hooks
# Nothing is chosen by a validation: the last checkpoint is the model.
default_hooks = dict(checkpoint=dict(interval=5, max_keep_ckpts=1, save_best=None))
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='BankInitHook', num_batches=50),
    # For model.head.bank.mode=cma model.head.bank.reset=epoch; it leaves other banks alone.
    dict(type='BankResetHook'),
    dict(type='BankRefreshHook'),
]

# logs
# MMPoseInferencer draws with it.
visualizer = dict(type='PoseLocalVisualizer')
