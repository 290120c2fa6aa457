"""Keypoint annotations of other tools, read into and written from one neutral form."""

from .records import AnnotatedImage, AnnotationSet, KeypointCategory, KeypointInstance

__all__ = ['AnnotatedImage', 'AnnotationSet', 'KeypointCategory', 'KeypointInstance']
