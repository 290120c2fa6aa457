# The baseline of coke_mpii.py: heatmaps from the same extractor, by the same schedule and with the
# same augmentation.
_base_ = 'coke_mpii.py'

# DARK's decoding makes up for cells of 8 x 8 px.
heatmaps = dict(
    type='MSRAHeatmap',
    input_size=(256, 256),
    heatmap_size=(32, 32),
    sigma=1,
    unbiased=True,
    blur_kernel_size=3,
)
codec = dict(heatmaps, _delete_=True)
model = dict(
    head=dict(
        _delete_=True,
        type='HeatmapHead',
        in_channels=256,
        out_channels=16,
        deconv_out_channels=None,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=heatmaps,
    ),
    test_cfg=dict(flip_mode='heatmap', shift_heatmap=True),
)
train_pipeline = [
    dict(step, encoder=heatmaps) if step['type'] == 'GenerateTarget' else step
    for step in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
custom_hooks = [hook for hook in _base_.custom_hooks if not hook['type'].startswith('Bank')]
