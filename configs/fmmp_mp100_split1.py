# FMMP on MP-100, split 1, 1 shot: the released settings.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/schedules/fmmp_200e.py',
    '_base_/models/fmmp_r50.py',
    '_base_/datasets/mp100_1shot.py',
]
