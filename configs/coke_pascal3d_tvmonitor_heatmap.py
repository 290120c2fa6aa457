# The baseline of coke_pascal3d_tvmonitor.py: heatmaps from the same extractor.
_base_ = 'coke_pascal3d_car_heatmap.py'

category = 'tvmonitor'
model = dict(head=dict(out_channels=8))
train_dataloader = dict(dataset=dict(category=category))
test_dataloader = dict(dataset=dict(category=category))
