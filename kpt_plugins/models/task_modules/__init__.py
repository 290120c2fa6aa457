"""What stands between predictions and targets: assigners."""

from .prompt_assigner import PromptKeypointAssigner

__all__ = ['PromptKeypointAssigner']
