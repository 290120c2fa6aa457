# Weak-shot on minicape: its seven training categories labelled; lips, sheep and the mouse of the
# open field unlabelled.
_base_ = 'weakshot_synth.py'

data_root = '{{$KPT_DATA_ROOT:data}}/minicape'

base = dict(
    type='MP100Dataset',
    data_root=data_root,
    ann_file='annotations/minicape_train.json',
    data_prefix=dict(img='images'),
)
novel = [
    dict(
        type='MP100Dataset',
        min_visible=0,
        data_root=data_root,
        ann_file=f'annotations/minicape_{subset}.json',
        data_prefix=dict(img='images'),
    )
    for subset in ('val', 'test')
]

# data loaders
train_dataloader = dict(dataset=dict(base=base, novel=novel))
val_dataloader = dict(dataset=dict(base=base, novel=novel))
test_dataloader = dict(dataset=dict(base=base, novel=novel))
