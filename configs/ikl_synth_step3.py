# Step 3 of ikl_synth.py, after step 2.
_base_ = 'ikl_synth.py'

step = 3
model = dict(step=step, parent='work_dirs/ikl_synth_step2/detector.pth')
train_dataloader = dict(dataset=dict(step=step))
test_dataloader = dict(dataset=dict(step=step))
