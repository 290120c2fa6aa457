"""Backbones of other libraries, which are imported when one is built."""

from .diffusers_unet import DiffusersUNetBackbone
from .prompted_features import PromptedFeatures
from .timm_vit import TimmViTBackbone

__all__ = ['DiffusersUNetBackbone', 'PromptedFeatures', 'TimmViTBackbone']
