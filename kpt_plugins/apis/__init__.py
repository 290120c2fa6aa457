"""What is called from Python."""

from .config_lookup import config_folder, find_config, shipped_configs

__all__ = ['config_folder', 'find_config', 'shipped_configs']
