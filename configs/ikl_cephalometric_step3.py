# Step 3 of ikl_cephalometric.py, after step 2.
_base_ = 'ikl_cephalometric.py'

step = 3
model = dict(step=step, parent='work_dirs/ikl_cephalometric_step2/detector.pth')
train_dataloader = dict(dataset=dict(step=step))
test_dataloader = dict(dataset=dict(step=step))
