"""Evaluation as pure functions of numpy arrays."""

from .auroc import auroc
from .evaluation_mask import GIVEN_RULES, evaluation_mask
from .keypoint_error import box_normalizer, keypoint_distances
from .pck import AUC_THRESHOLDS, pair_auc, pair_mean_error, pair_pck

__all__ = [
    'AUC_THRESHOLDS',
    'GIVEN_RULES',
    'auroc',
    'box_normalizer',
    'evaluation_mask',
    'keypoint_distances',
    'pair_auc',
    'pair_mean_error',
    'pair_pck',
]
