# SimpleBaseline beside coke_livestock_horse.py.
_base_ = 'coke_livestock_cattle_simplebaseline.py'

train_dataloader = dict(dataset=dict(ann_file='annotations/horse_train.json'))
test_dataloader = dict(dataset=dict(ann_file='annotations/horse_test.json'))
