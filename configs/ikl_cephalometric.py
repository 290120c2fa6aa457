# KAMP on lateral head X-rays, in the paper's setting as far as it is known: 38 landmarks in five
# steps, each from its own images with its own labels alone; for the paper's few-shot rows, add
# --cfg-options train_dataloader.dataset.shots=50. The annotation files are those of
# tools/dataset_converters/cephalometric_to_coco.py.
# KA-Net's dilations are twice the usual, as are the heatmaps.
#
#   python tools/train_incremental.py configs/ikl_cephalometric.py
_base_ = 'ikl_cephalometric_step0.py'

base_config = 'ikl_cephalometric_step0.py'
step = 1

model = dict(
    type='IncrementalPoseEstimator',
    steps=_base_.steps,
    step=step,
    parent='work_dirs/ikl_cephalometric_step0/detector.pth',
    distillation=dict(type='SpatialDistillationLoss', loss_weight=1.0),
    ka_net=dict(num_triplets=1, dilations=(1, 8, 8)),
    association_loss=dict(type='SpatialDistillationLoss', loss_weight=1.0),
    triplets='miner',
)
train_dataloader = dict(dataset=dict(step=step))
test_dataloader = dict(dataset=dict(step=step))
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='KnowledgeAssociationHook', num_epochs=30),
]
model_wrapper_cfg = dict(type='MMDistributedDataParallel', find_unused_parameters=True)
