# "Novel Bird": one novel category, for comparison with methods that learn one category at a time.
# The eight bird categories of MP-100 (of CUB-200, all with its 15 keypoints) are one unlabelled
# category; the base is what else split 1 trains on. The paper does not define it, this is our
# reading.
_base_ = 'weakshot_mp100_split1.py'

# by name in the annotation files; names that a file lacks are ignored
merge_classes = dict(
    bird=['Grebe', 'Gull', 'Kingfisher', 'Sparrow', 'Tern', 'Warbler', 'Woodpecker', 'Wren']
    + ['grebe_body', 'gull_body', 'kingfisher_body', 'sparrow_body']
    + ['tern_body', 'warbler_body', 'woodpecker_body', 'wren_body']
)
# the birds are spread over the three files
novel = [dict(_base_.base, min_visible=0), _base_.val_novel, _base_.novel]
birds = dict(novel=novel, novel_classes=['bird'], merge_classes=merge_classes)

# data loaders
train_dataloader = dict(dataset=birds)
val_dataloader = dict(dataset=birds)
test_dataloader = dict(dataset=birds)
