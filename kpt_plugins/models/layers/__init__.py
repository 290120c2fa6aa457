"""Layers that several methods share, and those that a config names."""

from .clutter_bank import ClutterBank
from .ka_net import KANet
from .prototype_bank import PrototypeBank

__all__ = ['ClutterBank', 'KANet', 'PrototypeBank']
