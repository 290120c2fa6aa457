# Step 1 of ikl_synth.py, after step 0.
_base_ = 'ikl_synth.py'

step = 1
model = dict(step=step, parent='work_dirs/ikl_synth_step0/detector.pth')
train_dataloader = dict(dataset=dict(step=step))
test_dataloader = dict(dataset=dict(step=step))
