# Weak-shot keypoints on MP-100, split 1, with Stable Diffusion 1.5 as the backbone (the paper's
# way): crops of 512 px, 2 base and 2 novel pairs a batch, gradients through the UNet.
# Cheaper: --cfg-options model.backbone.grad_through_unet=False
# The model from a folder: --cfg-options model.backbone.model=FOLDER
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/weakshot_sd15.py',
    '_base_/schedules/weakshot.py',
    '_base_/datasets/weakshot_mp100.py',
]

# pipelines
input_size = (512, 512)
crop = [dict(type='TopdownAffine', input_size=input_size), dict(type='PackWeakShot')]
test_pipeline = [*_base_.load, *crop]

# data loaders
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    dataset=dict(num_pairs=4000, pipeline=[*_base_.load, *_base_.augment, *crop]),
)
val_dataloader = dict(batch_size=4, dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(batch_size=4, dataset=dict(pipeline=test_pipeline))

# schedule: 10 epochs of 1000 iterations; rates as of StableKeypoints for the prompts and of
# Diffusion Hyperfeatures for the rest
max_epochs = 10
train_cfg = dict(max_epochs=max_epochs, val_interval=2)
optim_wrapper = dict(
    optimizer=dict(lr=1e-3, weight_decay=0.0),
    paramwise_cfg=dict(custom_keys={'backbone.prompts': dict(lr_mult=5.0)}),
)
param_scheduler = [
    dict(type='LinearLR', begin=0, end=100, start_factor=0.01, by_epoch=False),
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
auto_scale_lr = dict(base_batch_size=4)

# hooks
default_hooks = dict(checkpoint=dict(interval=2, save_best=None))
custom_hooks = [*_base_.custom_hooks, *_base_.novel_hooks]
