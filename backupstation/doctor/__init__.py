"""The doctor: why a phone cannot connect, as far as that can be seen from this computer.

Each check looks at one thing and says what it found as a :class:`~.findings.Finding`; what cannot
be seen from here (a router's firewall, a guest Wi-Fi, a VPN on the phone) is said to be so.
"""
