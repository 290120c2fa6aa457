# Weak-shot keypoints on the synthetic set, from scratch in minutes on two CPU cores:
#
#   python tools/make_synthetic.py --out data/synth
#   python tools/train.py weakshot_synth
#
# Without the novel losses: --cfg-options model.losses.guiding=None model.losses.consistency=None \
#     model.losses.equivariance=None model.losses.localization=None
# Oracle (novel labels used): --cfg-options train_dataloader.dataset.novel_labels=True
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/weakshot_tiny.py',
    '_base_/schedules/weakshot_small.py',
    '_base_/datasets/weakshot_small.py',
]

# hooks
# Nothing is chosen by a validation: the last checkpoint is the model.
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(save_best=None))
custom_hooks = [*_base_.custom_hooks, *_base_.novel_hooks]
