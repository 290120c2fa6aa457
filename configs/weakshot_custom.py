# Weak-shot keypoints on your own images: a folder for each category, labels for the base ones.
#
#   my_data/images/CATEGORY/*.jpg      one folder a category, each image shows one object
#   my_data/annotations/base.json      COCO-style keypoints of some of the folders (docs/data.md)
#
#   python tools/train.py weakshot_custom --cfg-options data_root=my_data
#
# All folders without labelled images are learned as novel categories; nothing else is needed of
# them. Two images each are enough to train, a hundred are better. A few base categories teach
# little about what keypoints are: it helps to start from the model that weakshot_synth trains:
# load_from=work_dirs/weakshot_synth/epoch_10.pth.
_base_ = 'weakshot_synth.py'

data_root = '{{$KPT_DATA_ROOT:data}}/custom'
base_ann = 'annotations/base.json'

base = dict(data_root=data_root, ann_file=base_ann)
novel = dict(
    _delete_=True,
    type='CategoryFolderDataset',
    data_root=data_root,
    data_prefix=dict(img='images'),
    labelled_ann_file=base_ann,
)

# data loaders
# There is nothing to test on novel categories: their images are all for training, and scores are
# those of base images that were held out.
train_dataloader = dict(dataset=dict(base=base, novel=novel, novel_train_ratio=1.0))
val_dataloader = dict(dataset=dict(base=base, novel=None))
test_dataloader = dict(dataset=dict(base=base, novel=None))
