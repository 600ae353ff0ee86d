"""The mobile terminal: connects to a station, verifies it, backs up and restores.

Usable on its own (``python -m phone``) and as a library (:mod:`phone.client`). It imports ``wire``
alone: what it knows of a station is what the protocol says.
"""
