"""Models as ONNX graphs that run without PyTorch and MMPose."""

from .exporter import export_model

__all__ = ['export_model']
