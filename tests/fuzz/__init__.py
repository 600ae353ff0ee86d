"""Fuzzing of the readers with atheris."""
