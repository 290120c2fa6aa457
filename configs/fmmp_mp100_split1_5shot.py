# FMMP on MP-100, split 1, 5 shots.
_base_ = 'fmmp_mp100_split1.py'

train_dataloader = dict(dataset=dict(num_shots=5))
val_dataloader = dict(dataset=dict(num_shots=5))
test_dataloader = dict(dataset=dict(num_shots=5))
