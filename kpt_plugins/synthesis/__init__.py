"""The synthetic dataset: procedural categories, rendered and annotated like MP-100."""

from .categories import FAMILIES, KINDS, SyntheticCategory, build_category
from .dataset import Plan, generate_dataset
from .instance import Instance, render_instance, visibility
from .preview import contact_sheet

__all__ = [
    'FAMILIES',
    'KINDS',
    'Instance',
    'Plan',
    'SyntheticCategory',
    'build_category',
    'contact_sheet',
    'generate_dataset',
    'render_instance',
    'visibility',
]
