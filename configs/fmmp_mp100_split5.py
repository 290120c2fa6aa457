# FMMP on MP-100, split 5, 1 shot.
_base_ = 'fmmp_mp100_split1.py'

train_dataloader = dict(dataset=dict(dataset=dict(ann_file='annotations/mp100_split5_train.json')))
val_dataloader = dict(dataset=dict(dataset=dict(ann_file='annotations/mp100_split5_val.json')))
test_dataloader = dict(dataset=dict(dataset=dict(ann_file='annotations/mp100_split5_test.json')))
