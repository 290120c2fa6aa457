# Choices for weakshot_minicape.py without its novel categories: two of its training categories,
# the mouse at the mirror and the tongue, are the unlabelled ones.
_base_ = 'weakshot_minicape.py'

novel = [
    dict(
        type='MP100Dataset',
        min_visible=0,
        data_root=_base_.data_root,
        ann_file='annotations/minicape_train.json',
        data_prefix=dict(img='images'),
    )
]
novel_classes = ['mirror_mouse', 'tongue_ultrasound']

# data loaders
train_dataloader = dict(dataset=dict(novel=novel, novel_classes=novel_classes))
val_dataloader = dict(dataset=dict(novel=novel, novel_classes=novel_classes))
test_dataloader = dict(dataset=dict(novel=novel, novel_classes=novel_classes))
