"""What the names of files say about chats."""

import posixpath


def stem(name: str) -> str:
    """The last part of a name without its ending."""
    last = posixpath.basename(name)
    return posixpath.splitext(last)[0] or last


def folder(name: str) -> str:
    """The last part of the folder that a file is in; "" when it is in none."""
    return posixpath.basename(posixpath.dirname(name))
