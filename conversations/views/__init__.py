"""The pages of conversations, one module for each kind."""
