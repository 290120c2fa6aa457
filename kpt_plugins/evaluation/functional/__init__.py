"""Evaluation as pure functions of numpy arrays."""

from .auroc import auroc
from .evaluation_mask import GIVEN_RULES, evaluation_mask
from .incremental import (
    a_mre,
    aaa,
    average_accuracy,
    average_transfer,
    final_old_new_all,
    forgetting,
    maximum_transfer,
    new_names,
)
from .keypoint_error import box_normalizer, keypoint_distances
from .pck import AUC_THRESHOLDS, pair_auc, pair_mean_error, pair_pck
from .per_keypoint import per_keypoint_mean
from .roc_curve import roc_curve
from .visible_pck import visibility_scores

__all__ = [
    'AUC_THRESHOLDS',
    'GIVEN_RULES',
    'a_mre',
    'aaa',
    'auroc',
    'average_accuracy',
    'average_transfer',
    'box_normalizer',
    'evaluation_mask',
    'final_old_new_all',
    'forgetting',
    'keypoint_distances',
    'maximum_transfer',
    'new_names',
    'pair_auc',
    'pair_mean_error',
    'pair_pck',
    'per_keypoint_mean',
    'roc_curve',
    'visibility_scores',
]
