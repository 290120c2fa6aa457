# Base step of ikl_cephalometric.py: an ordinary detector of the first 8 landmarks.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/ikl_hrnetw32.py',
    '_base_/schedules/ikl_100e.py',
    '_base_/datasets/ikl_cephalometric.py',
]

model = dict(head=dict(out_channels=8, decoder=_base_.codec), test_cfg=dict(flip_test=False))

# hooks
# Nothing is chosen by a validation: a step has no labels of the old landmarks to choose by.
default_hooks = dict(checkpoint=dict(interval=10, max_keep_ckpts=1, save_best=None))
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='StepHandoverHook'),
]

auto_scale_lr = dict(base_batch_size=4)
