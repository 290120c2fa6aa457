# Step 3 of ikl_mpii.py, after step 2.
_base_ = 'ikl_mpii.py'

step = 3
model = dict(
    step=step,
    parent='work_dirs/ikl_mpii_step2/detector.pth',
    triplets=_base_.step_triplets[step],
)
train_dataloader = dict(dataset=dict(step=step))
test_dataloader = dict(dataset=dict(step=step))
