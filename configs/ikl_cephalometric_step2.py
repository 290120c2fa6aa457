# Step 2 of ikl_cephalometric.py, after step 1.
_base_ = 'ikl_cephalometric.py'

step = 2
model = dict(step=step, parent='work_dirs/ikl_cephalometric_step1/detector.pth')
train_dataloader = dict(dataset=dict(step=step))
test_dataloader = dict(dataset=dict(step=step))
