# KAMP on images that are drawn here: 8 keypoints of a quadruped, then 4, 4 and 4 more, each step
# from its own images with its own labels alone. The data (1200 images, 17 MB), and the sequence:
#
#   python tools/make_synthetic.py --out data/synth_quadruped --seed 3 --categories 1 0 0 \
#       --train-images 1200
#   python tools/train_incremental.py configs/ikl_synth.py
_base_ = 'ikl_synth_step0.py'

base_config = 'ikl_synth_step0.py'
step = 1

model = dict(
    type='IncrementalPoseEstimator',
    steps=_base_.steps,
    step=step,
    parent='work_dirs/ikl_synth_step0/detector.pth',
    distillation=dict(type='SpatialDistillationLoss', loss_weight=1.0),
    ka_net=dict(num_triplets=1, hidden_channels=32, kernel_sizes=(1, 7, 7)),
    association_loss=dict(type='SpatialDistillationLoss', loss_weight=1.0),
    triplets='miner',
)
train_dataloader = dict(dataset=dict(step=step))
test_dataloader = dict(dataset=dict(step=step))
custom_hooks = [
    *_base_.custom_hooks[:-1],
    dict(type='KnowledgeAssociationHook', num_epochs=10),
]
model_wrapper_cfg = dict(type='MMDistributedDataParallel', find_unused_parameters=True)
