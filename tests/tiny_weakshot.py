# A weak-shot estimator that a test trains in a second, on the tiny MP-100: 64 px, maps of 16 x 16.
_base_ = '../configs/weakshot_synth.py'

data_root = '{{$KPT_DATA_ROOT:data}}/mp100'
input_size = (64, 64)
max_keypoints = 14

model = dict(
    backbone=dict(stem_channels=8, base_channels=8, norm_cfg=dict(num_groups=4)),
    neck=dict(in_channels=[8, 16, 32], out_channels=16, num_groups=4),
    head=dict(
        in_channels=16,
        token_channels=[16, 32],
        num_prompts=14,
        dims=16,
        feedforward=32,
        num_heads=2,
    ),
    keyness=dict(in_channels=16, num_groups=4),
    correspondence=dict(in_channels=16, dims=8, num_groups=4),
)

affine = [dict(type='TopdownAffine', input_size=input_size)]
base = dict(
    type='MP100Dataset',
    data_root=data_root,
    ann_file='annotations/mp100_split1_train.json',
    data_prefix=dict(img='images'),
)
novel = dict(
    type='MP100Dataset',
    data_root=data_root,
    ann_file='annotations/mp100_split1_test.json',
    data_prefix=dict(img='images'),
)
train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        base=base,
        novel=novel,
        num_pairs=8,
        max_keypoints=max_keypoints,
        pipeline=[*_base_.load, *_base_.augment, *affine, *_base_.colour, *_base_.pack],
    ),
)
evaluation = dict(
    base=base, novel=novel, max_images=3, pipeline=[*_base_.load, *affine, *_base_.pack]
)
val_dataloader = dict(batch_size=16, dataset=evaluation)
test_dataloader = dict(batch_size=16, dataset=evaluation)
