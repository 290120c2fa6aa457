# Base step of ikl_livestock_cattle.py: an ordinary detector of the first 8 keypoints.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/ikl_small.py',
    '_base_/schedules/ikl_small.py',
    '_base_/datasets/ikl_livestock_cattle.py',
]

model = dict(head=dict(out_channels=8, decoder=_base_.codec))

# hooks
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='StepHandoverHook'),
    dict(type='ParameterImportanceHook'),
]
