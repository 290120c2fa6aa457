# The baseline of coke_pascal3d_car_unseen_pose.py: heatmaps from the same extractor.
_base_ = 'coke_pascal3d_car_heatmap.py'

train_dataloader = dict(dataset=dict(azimuth_bins='TFFTTFFT'))
test_dataloader = dict(dataset=dict(azimuth_bins='FTTFFTTF'))
