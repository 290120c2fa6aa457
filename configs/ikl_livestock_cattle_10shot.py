# KAMP with 10 images in each step after the base step, repeated to 50 iterations an epoch.
_base_ = 'ikl_livestock_cattle.py'

max_epochs = 8
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=max_epochs, T_max=max_epochs),
]
# Too few images for statistics of their own.
model = dict(norm_eval=True)
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='RepeatDataset',
        times=80,
        dataset=dict(_base_.train_dataloader.dataset, shots=10),
    )
)
custom_hooks = [
    *_base_.custom_hooks[:-1],
    dict(type='KnowledgeAssociationHook', num_epochs=2),
]
