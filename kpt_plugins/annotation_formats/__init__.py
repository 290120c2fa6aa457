"""Keypoint annotations of other tools, read into and written from one neutral form."""

from .convert import FORMATS, losses, output_files, read_annotations, write_annotations
from .records import AnnotatedImage, AnnotationSet, KeypointCategory, KeypointInstance

__all__ = [
    'FORMATS',
    'AnnotatedImage',
    'AnnotationSet',
    'KeypointCategory',
    'KeypointInstance',
    'losses',
    'output_files',
    'read_annotations',
    'write_annotations',
]
