# Step 4 of ikl_cephalometric.py, after step 3.
_base_ = 'ikl_cephalometric.py'

step = 4
model = dict(step=step, parent='work_dirs/ikl_cephalometric_step3/detector.pth')
train_dataloader = dict(dataset=dict(step=step))
test_dataloader = dict(dataset=dict(step=step))
