# Weak-shot keypoints on MP-100, split 1, with a frozen DINOv2 ViT-S/14 as the backbone: crops of
# 448 px. The weights from a file: --cfg-options model.backbone.pretrained=FILE
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/weakshot_dinov2.py',
    '_base_/schedules/weakshot.py',
    '_base_/datasets/weakshot_mp100.py',
]

# pipelines
input_size = (448, 448)
crop = [dict(type='TopdownAffine', input_size=input_size), dict(type='PackWeakShot')]
test_pipeline = [*_base_.load, *crop]

# data loaders
train_dataloader = dict(dataset=dict(pipeline=[*_base_.load, *_base_.augment, *crop]))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

# hooks
default_hooks = dict(checkpoint=dict(interval=5, save_best=None))
custom_hooks = [*_base_.custom_hooks, *_base_.novel_hooks]
