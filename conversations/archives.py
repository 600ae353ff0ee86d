"""A tree in which zips are folders as well."""

from collections.abc import Iterator
from typing import BinaryIO

from conversations.tree import Tree, TreeWarning


class ArchiveTree:
    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.warnings: list[TreeWarning] = []

    def names(self) -> Iterator[str]:
        return self._tree.names()

    def __contains__(self, name: object) -> bool:
        return name in self._tree

    def size(self, name: str) -> int:
        return self._tree.size(name)

    def open(self, name: str) -> BinaryIO:
        return self._tree.open(name)
