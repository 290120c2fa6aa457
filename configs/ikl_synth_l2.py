# Plain squared error of the old keypoints' heatmaps.
_base_ = 'ikl_synth.py'

model = dict(
    distillation=dict(_delete_=True, type='HeatmapL2DistillationLoss'),
    ka_net=None,
)
