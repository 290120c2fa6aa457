"""The console script ``kpt``."""
