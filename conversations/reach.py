"""Which files of a tree an export may mean by what it names: its own, never somebody else's.

A backup has many exports side by side, and whoever sent one of them could name any file in it as an
attachment: what is given out of that conversation would then have it. So an export reaches

- by path what is in the folder of the file that names it, or below;
- by name alone what is in that very folder;
- either way what is in *places*: folders that its reader knows to belong to it.

Nothing of an archive is reached from outside of it.
"""

import posixpath
from collections.abc import Iterable

from conversations.tree import Tree


def by_path(tree: Tree, folder: str, reference: str) -> str | None:
    """The file at a path that leads on from ``folder``, and never out of it."""
    start = f"{folder}/" if folder else ""
    name = posixpath.normpath(posixpath.join(folder, reference.lstrip("/")))
    return name if is_below(tree, start, name) else None


def names_below(tree: Tree, places: Iterable[str]) -> dict[str, str]:
    """The files of all ``places``, at any depth, by last part; those of one name are left out."""
    found: dict[str, str] = {}
    doubled: set[str] = set()
    starts = tuple(f"{place}/" for place in places)
    for name in tree.names():
        if not name.startswith(starts):
            continue
        if any(is_below(tree, start, name) for start in starts):
            last = posixpath.basename(name)
            if found.setdefault(last, name) != name:
                doubled.add(last)
    return {last: name for last, name in found.items() if last not in doubled}


def is_below(tree: Tree, start: str, name: str) -> bool:
    """Whether a file is in the folder ``start`` (which ends with ``/``, or is "") or below it.

    What looks like a folder there and is a file of the tree is an archive: it is not looked into.
    """
    if not name.startswith(start) or name not in tree:
        return False
    at = name.find("/", len(start))
    while at > 0:
        if name[:at] in tree:
            return False
        at = name.find("/", at + 1)
    return True
