# Weak-shot keypoints on MP-100, split 3.
_base_ = 'weakshot_mp100_split1.py'

base = dict(ann_file='annotations/mp100_split3_train.json')
val_novel = dict(ann_file='annotations/mp100_split3_val.json')
novel = dict(ann_file='annotations/mp100_split3_test.json')

# data loaders
train_dataloader = dict(dataset=dict(base=base, novel=novel))
val_dataloader = dict(dataset=dict(novel=val_novel))
test_dataloader = dict(dataset=dict(base=base, novel=novel))
