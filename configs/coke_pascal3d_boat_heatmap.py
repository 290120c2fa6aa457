# The baseline of coke_pascal3d_boat.py: heatmaps from the same extractor.
_base_ = 'coke_pascal3d_car_heatmap.py'

category = 'boat'
model = dict(head=dict(out_channels=7))
train_dataloader = dict(dataset=dict(category=category))
test_dataloader = dict(dataset=dict(category=category))
