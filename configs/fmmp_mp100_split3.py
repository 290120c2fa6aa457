# FMMP on MP-100, split 3, 1 shot.
_base_ = 'fmmp_mp100_split1.py'

train_dataloader = dict(dataset=dict(dataset=dict(ann_file='annotations/mp100_split3_train.json')))
val_dataloader = dict(dataset=dict(dataset=dict(ann_file='annotations/mp100_split3_val.json')))
test_dataloader = dict(dataset=dict(dataset=dict(ann_file='annotations/mp100_split3_test.json')))
