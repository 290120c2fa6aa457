# Weak-shot keypoints on MP-100, split 1: labels of 70 categories, none of the 20 novel ones.
#
# Base losses only (the ablation): --cfg-options train_dataloader.dataset.base_ratio=1.0 \
#     train_dataloader.batch_size=8 train_dataloader.dataset.num_pairs=8000
# Oracle (novel labels used): --cfg-options train_dataloader.dataset.novel_labels=True
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/weakshot_res50.py',
    '_base_/schedules/weakshot.py',
    '_base_/datasets/weakshot_mp100.py',
]

# hooks
# Nothing is chosen by a validation: the last checkpoint is the model.
default_hooks = dict(checkpoint=dict(interval=5, save_best=None))
custom_hooks = [*_base_.custom_hooks, *_base_.novel_hooks]
