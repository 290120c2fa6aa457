# A step in 100 epochs, as in the paper; its optimiser and schedule are not known, these are those
# of MMPose's HRNet configs, steps at 80 and 95 % of the epochs. The warm-up counts epochs, since
# the steps of a small data set have few iterations.
max_epochs = 100
train_cfg = dict(by_epoch=True, max_epochs=max_epochs)
val_cfg = None
val_dataloader = None
val_evaluator = None
test_cfg = dict()

optim_wrapper = dict(optimizer=dict(type='Adam', lr=5e-4))
param_scheduler = [
    dict(
        type='LinearLR',
        begin=0,
        end=5,
        start_factor=0.001,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    dict(
        type='MultiStepLR',
        begin=0,
        end=max_epochs,
        milestones=[80, 95],
        gamma=0.1,
        by_epoch=True,
    ),
]
auto_scale_lr = dict(base_batch_size=64)
