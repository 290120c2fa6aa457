# CoKe on cattle, horses and sheep together: one extractor, and for each species prototypes of its
# own. In the scores horses and sheep are the categories 2 and 3.
_base_ = 'coke_livestock_cattle.py'

model = dict(head=dict(num_classes=3, category_ids=[1, 2, 3]))
species = ('cattle', 'horse', 'sheep')
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        ignore_keys='CLASSES',
        datasets=[
            dict(_base_.train_dataloader.dataset, ann_file=f'annotations/{name}_train.json')
            for name in species
        ],
    )
)
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        ignore_keys='CLASSES',
        datasets=[
            dict(_base_.test_dataloader.dataset, ann_file=f'annotations/{name}_test.json')
            for name in species
        ],
    )
)
