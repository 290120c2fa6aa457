# The baseline of coke_livestock_cattle.py: heatmaps from the same extractor, by the same schedule
# and with the same augmentation.
_base_ = 'coke_livestock_cattle.py'

# With DARK's decoding.
heatmaps = dict(
    type='MSRAHeatmap',
    input_size=(128, 128),
    heatmap_size=(32, 32),
    sigma=2,
    unbiased=True,
)
codec = dict(heatmaps, _delete_=True)
model = dict(
    head=dict(
        _delete_=True,
        type='HeatmapHead',
        in_channels=64,
        out_channels=18,
        deconv_out_channels=None,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=heatmaps,
    ),
)
train_pipeline = [
    dict(step, encoder=heatmaps) if step['type'] == 'GenerateTarget' else step
    for step in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
custom_hooks = [hook for hook in _base_.custom_hooks if not hook['type'].startswith('Bank')]
