"""Engine of kpt_plugins."""
