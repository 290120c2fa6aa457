# Step 2 of ikl_mpii.py, after step 1.
_base_ = 'ikl_mpii.py'

step = 2
model = dict(
    step=step,
    parent='work_dirs/ikl_mpii_step1/detector.pth',
    triplets=_base_.step_triplets[step],
)
train_dataloader = dict(dataset=dict(step=step))
test_dataloader = dict(dataset=dict(step=step))
