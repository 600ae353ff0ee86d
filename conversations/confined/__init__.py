"""Foreign files are read in a process of their own, with limits, without files, keys or network.

- :mod:`conversations.confined.parent`: ``Confined``, for whoever wants a tree read;
- :mod:`conversations.confined.child`: what runs inside (``python -m conversations.confined``);
- :mod:`conversations.confined.frames`: what they say to each other;
- :mod:`conversations.confined.limiting`: what the process takes from itself at its start.
"""
