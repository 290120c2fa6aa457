# The baseline of coke_livestock_sheep.py: heatmaps from the same extractor.
_base_ = 'coke_livestock_cattle_heatmap.py'

train_dataloader = dict(dataset=dict(ann_file='annotations/sheep_train.json'))
test_dataloader = dict(dataset=dict(ann_file='annotations/sheep_test.json'))
