"""Structures of kpt_plugins."""
