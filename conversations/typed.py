"""What people typed, or an address says."""

from typing import Final

from django.http import QueryDict

_NUL: Final = "\0"


def text_of(asked: QueryDict, name: str) -> str:
    """One value; "" when it is not there. Without U+0000, which PostgreSQL takes in no text."""
    return str(asked.get(name, "")).replace(_NUL, "")
