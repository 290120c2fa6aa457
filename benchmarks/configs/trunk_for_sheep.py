# The trunk of the comparisons on sheep: as trunk_for_cattle.py, trained on cattle and horses.
_base_ = 'trunk_for_cattle.py'

train_dataloader = dict(
    dataset=dict(
        datasets=[
            dict(_base_.horse, ann_file=f'annotations/{species}_train.json')
            for species in ('cattle', 'horse')
        ]
    )
)
test_dataloader = dict(dataset=dict(ann_file='annotations/cattle_val.json'))
