# Step 4 of ikl_mpii.py, after step 3.
_base_ = 'ikl_mpii.py'

step = 4
model = dict(
    step=step,
    parent='work_dirs/ikl_mpii_step3/detector.pth',
    triplets=_base_.step_triplets[step],
)
train_dataloader = dict(dataset=dict(step=step))
test_dataloader = dict(dataset=dict(step=step))
