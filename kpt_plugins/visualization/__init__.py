"""Visualization of kpt_plugins."""
