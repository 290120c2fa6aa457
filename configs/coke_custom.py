# CoKe on one category of your own: COCO-style keypoint files (docs/coke.md).
#
#   python tools/train.py configs/coke_custom.py --cfg-options data_root=my_data \
#       train_ann=annotations/train.json test_ann=annotations/test.json model.head.num_keypoints=12
#
# Below data_root lie the annotation files and images/.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/coke_res50.py',
    '_base_/schedules/coke.py',
    '_base_/datasets/coke_custom.py',
]

model = dict(head=dict(num_keypoints=12, decoder=_base_.codec))

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
