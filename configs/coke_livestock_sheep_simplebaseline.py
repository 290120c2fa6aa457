# SimpleBaseline beside coke_livestock_sheep.py.
_base_ = 'coke_livestock_cattle_simplebaseline.py'

train_dataloader = dict(dataset=dict(ann_file='annotations/sheep_train.json'))
test_dataloader = dict(dataset=dict(ann_file='annotations/sheep_test.json'))
