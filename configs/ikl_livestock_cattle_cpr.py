# Classifier-projection regularisation: elastic weight consolidation, and heatmaps held back from
# being peaked by a tenth of the gradient of the keypoints' loss.
_base_ = 'ikl_livestock_cattle_ewc.py'

model = dict(uniformity=dict(type='UniformityLoss', loss_weight=0.3))
