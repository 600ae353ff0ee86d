"""Measurements against other tools, side by side in one run."""
