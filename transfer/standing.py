"""Whether a phone may still act. The IM server inside this station can say so at any time.

``transfer`` does not know it; the station wires the function that looks (house rule: the arrows
stay). An IM server elsewhere speaks by its tickets alone.
"""

from collections.abc import Callable

Check = Callable[[str, bytes], None]


def _unknown(_iss: str, _phone_key: bytes) -> None:
    """Nobody here knows better than the ticket did."""


_check: Check = _unknown


def wire_to(check: Check) -> None:
    """Set the function that refuses a phone, by issuer and public key (32 bytes)."""
    global _check
    _check = check


def check(iss: str, phone_key: bytes) -> None:
    """Raise :class:`wire.errors.NotAllowed` for a phone that may not act any more."""
    _check(iss, phone_key)
