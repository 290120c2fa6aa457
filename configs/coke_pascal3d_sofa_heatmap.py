# The baseline of coke_pascal3d_sofa.py: heatmaps from the same extractor.
_base_ = 'coke_pascal3d_car_heatmap.py'

category = 'sofa'
model = dict(head=dict(out_channels=10))
train_dataloader = dict(dataset=dict(category=category))
test_dataloader = dict(dataset=dict(category=category))
