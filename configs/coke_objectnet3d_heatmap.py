# The baseline of coke_objectnet3d.py: heatmaps from the same extractor, one for each of the 242
# keypoints of all categories, of which an image trains and tests those of its category.
_base_ = 'coke_objectnet3d.py'

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
        out_channels=242,
        deconv_out_channels=None,
        loss=dict(type='KeypointMSELoss', use_target_weight=True),
        decoder=heatmaps,
    ),
    test_cfg=dict(flip_test=False),
)
train_pipeline = [
    dict(step, encoder=heatmaps) if step['type'] == 'GenerateTarget' else step
    for step in _base_.train_pipeline
]
separate = dict(separate=True, num_keypoints=model['head']['out_channels'])
train_dataloader = dict(dataset=dict(separate, pipeline=train_pipeline))
test_dataloader = dict(dataset=separate)
custom_hooks = [hook for hook in _base_.custom_hooks if not hook['type'].startswith('Bank')]
