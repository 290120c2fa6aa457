# FMMP on MP-100, split 2, 1 shot.
_base_ = 'fmmp_mp100_split1.py'

train_dataloader = dict(dataset=dict(dataset=dict(ann_file='annotations/mp100_split2_train.json')))
val_dataloader = dict(dataset=dict(dataset=dict(ann_file='annotations/mp100_split2_val.json')))
test_dataloader = dict(dataset=dict(dataset=dict(ann_file='annotations/mp100_split2_test.json')))
