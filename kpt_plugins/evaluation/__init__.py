"""Evaluation of kpt_plugins."""
