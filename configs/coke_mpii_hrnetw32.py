# CoKe on MPII with HRNet-W32: its four branches, brought to the finest one's 4 x 4 px and put
# together, are the extractor's map; no neck learns.
_base_ = ['coke_mpii.py', '_base_/models/hrnetw32.py']

codec = dict(stride=4)
encoder = dict(_base_.codec, **codec)
model = dict(
    backbone=dict(_base_.hrnetw32_branches, _delete_=True),
    neck=dict(_delete_=True, type='FeatureMapProcessor', concat=True),
    head=dict(in_channels=32 + 64 + 128 + 256, decoder=encoder),
)
train_pipeline = [
    dict(step, encoder=encoder) if step['type'] == 'GenerateTarget' else step
    for step in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
