# The trunk of the comparisons on horses: as trunk_for_cattle.py, trained on cattle and sheep.
_base_ = 'trunk_for_cattle.py'

train_dataloader = dict(
    dataset=dict(
        datasets=[
            dict(_base_.horse, ann_file=f'annotations/{species}_train.json')
            for species in ('cattle', 'sheep')
        ]
    )
)
test_dataloader = dict(dataset=dict(ann_file='annotations/cattle_val.json'))
