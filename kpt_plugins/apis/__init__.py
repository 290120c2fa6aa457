"""What is called from Python."""
