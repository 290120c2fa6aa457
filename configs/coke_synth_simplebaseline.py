# SimpleBaseline beside coke_synth.py: the backbone, two deconvolutions and the heatmap
# codec as MMPose has them, by the same schedule and with the same augmentation.
_base_ = 'coke_synth_heatmap.py'

heatmaps = dict(type='MSRAHeatmap', input_size=(128, 128), heatmap_size=(32, 32), sigma=2)
codec = dict(heatmaps, _delete_=True)
model = dict(
    backbone=dict(out_indices=(2,)),
    neck=None,
    head=dict(
        in_channels=128,
        deconv_out_channels=(64, 64),
        deconv_kernel_sizes=(4, 4),
        decoder=codec,
    ),
)
train_pipeline = [
    dict(step, encoder=heatmaps) if step['type'] == 'GenerateTarget' else step
    for step in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
