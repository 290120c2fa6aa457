"""Evaluation as pure functions of numpy arrays."""

from .auroc import auroc
from .correspondence_probe import draw_image_pairs, transfer_points
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
from .keyness_probe import (
    keyness_squared_error,
    keyness_target,
    mean_shift_px256,
    shifted_points,
)
from .keypoint_error import box_normalizer, keypoint_distances
from .keypoint_regression import (
    REGRESSORS,
    KeypointRegression,
    fit_keypoint_regression,
    leave_one_out,
)
from .oks import OKS_THRESHOLDS, average_precision, object_keypoint_similarity
from .pck import AUC_THRESHOLDS, pair_auc, pair_mean_error, pair_pck
from .per_keypoint import per_keypoint_mean
from .prompt_matching import MATCHINGS, match_prompts, matching_cost, select_prompts
from .roc_curve import roc_curve
from .visible_pck import visibility_scores

__all__ = [
    'AUC_THRESHOLDS',
    'GIVEN_RULES',
    'MATCHINGS',
    'OKS_THRESHOLDS',
    'REGRESSORS',
    'KeypointRegression',
    'a_mre',
    'aaa',
    'auroc',
    'average_accuracy',
    'average_precision',
    'average_transfer',
    'box_normalizer',
    'draw_image_pairs',
    'evaluation_mask',
    'final_old_new_all',
    'fit_keypoint_regression',
    'forgetting',
    'keyness_squared_error',
    'keyness_target',
    'keypoint_distances',
    'leave_one_out',
    'match_prompts',
    'matching_cost',
    'maximum_transfer',
    'mean_shift_px256',
    'new_names',
    'object_keypoint_similarity',
    'pair_auc',
    'pair_mean_error',
    'pair_pck',
    'per_keypoint_mean',
    'roc_curve',
    'select_prompts',
    'shifted_points',
    'transfer_points',
    'visibility_scores',
]
