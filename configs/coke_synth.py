# CoKe on images that are drawn here: 21 keypoints of a quadruped. The data (1200 images, 17 MB):
#
#   python tools/make_synthetic.py --out data/synth_quadruped --seed 3 --categories 1 0 0 \
#       --train-images 1200
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/coke_small.py',
    '_base_/schedules/coke_small.py',
    '_base_/datasets/coke_synth.py',
]

model = dict(head=dict(num_keypoints=21, decoder=_base_.codec))

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
