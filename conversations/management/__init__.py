"""Commands of conversations."""
