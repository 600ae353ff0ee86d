"""What the phone, the IM server and the station say to each other.

Pure functions and small state machines: no Django, no I/O, no clock and no randomness of
their own. The full description, byte by byte, is in docs/protocol.md.
"""
