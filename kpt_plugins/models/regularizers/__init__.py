"""Penalties on the change of parameters, and what they weigh it by."""

from .importance_file import KINDS, accumulate, load_importance, save_importance
from .importances import GradientPower, squared_output, trained_parameters
from .parameter_regularizer import ParameterRegularizer
from .path_integral import RiemannianWalk, SynapticIntelligence

__all__ = [
    'KINDS',
    'GradientPower',
    'ParameterRegularizer',
    'RiemannianWalk',
    'SynapticIntelligence',
    'accumulate',
    'load_importance',
    'save_importance',
    'squared_output',
    'trained_parameters',
]
