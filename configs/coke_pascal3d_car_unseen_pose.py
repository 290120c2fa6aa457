# CoKe on unseen poses: trained on cars of four azimuth bins of 45 degrees, tested on those of the
# other four. For other categories --cfg-options takes the same two entries.
_base_ = 'coke_pascal3d_car.py'

train_dataloader = dict(dataset=dict(azimuth_bins='TFFTTFFT'))
test_dataloader = dict(dataset=dict(azimuth_bins='FTTFFTTF'))
