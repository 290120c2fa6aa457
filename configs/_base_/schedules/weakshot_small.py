# Minutes on two CPU cores, from scratch; the same for the full method and for its ablations.
max_epochs = 10
train_cfg = dict(by_epoch=True, max_epochs=max_epochs, val_interval=5)
val_cfg = dict()
test_cfg = dict()

optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=5.0),
)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=20, start_factor=0.01, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        end=max_epochs,
        T_max=max_epochs,
        eta_min_ratio=0.02,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
auto_scale_lr = dict(base_batch_size=16)
model_wrapper_cfg = dict(type='MMDistributedDataParallel', find_unused_parameters=True)

novel_hooks = [
    dict(type='NovelWarmupHook', begin=0.5, ramp=0.1),
    dict(type='PromptUsageHook'),
]
