"""Layers that several methods share, and those that a config names."""

from .ka_net import KANet

__all__ = ['KANet']
