# Adam, 200 epochs, steps at 160 and 180, linear warm-up: the released settings. The released code
# trains without validation; here every tenth epoch is scored and the best one kept.
train_cfg = dict(by_epoch=True, max_epochs=200, val_interval=10)
val_cfg = dict()
test_cfg = dict()

optim_wrapper = dict(optimizer=dict(type='Adam', lr=1e-4))

param_scheduler = [
    dict(type='LinearLR', begin=0, end=1000, start_factor=1e-3, by_epoch=False),
    dict(type='MultiStepLR', begin=0, end=200, milestones=[160, 180], gamma=0.1, by_epoch=True),
]

# a batch of 16 pairs in total
auto_scale_lr = dict(base_batch_size=16)
