"""The XML inside a message: parsed without entities, bounded in size and depth."""

import re
from typing import Final
from xml.parsers import expat

_CHARS_MAX: Final = 256 * 1024
_DEPTH_MAX: Final = 32
_VALUES_MAX: Final = 500
_BEFORE: Final = re.compile(r"\A[^<]{0,200}?(?=<)", re.DOTALL)


class BadXML(Exception):
    """It is no XML, too big, too deep, or declares entities."""


def small_xml(text: str) -> dict[str, str]:
    """Texts by element, attributes by name, the first of each; also by ``parent/element``.

    What stands before the first element (a sender, in groups) is ignored. An empty text has
    nothing. Raises :class:`BadXML`.
    """
    if len(text) > _CHARS_MAX:
        raise BadXML("too long")
    text = _BEFORE.sub("", text).strip()
    if not text:
        return {}
    return _Small().parsed(text)


class _Small:
    def __init__(self) -> None:
        self._found: dict[str, str] = {}
        self._path: list[str] = []
        self._text: list[str] = []

    def parsed(self, text: str) -> dict[str, str]:
        parser = expat.ParserCreate("utf-8")
        parser.StartDoctypeDeclHandler = self._refused
        parser.StartElementHandler = self._begun
        parser.EndElementHandler = self._ended
        parser.CharacterDataHandler = self._text.append
        try:
            parser.Parse(text.encode("utf-8", "replace"), True)
        except expat.ExpatError as error:
            raise BadXML(str(error)) from None
        return self._found

    def _refused(self, *_declared: object) -> None:
        """A DOCTYPE is all that entities and external files begin with."""
        raise BadXML("declares a document type")

    def _begun(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._path) >= _DEPTH_MAX:
            raise BadXML("nested too deep")
        self._path.append(name)
        self._text.clear()
        for each, value in attributes.items():
            self._keep(each, value)

    def _ended(self, name: str) -> None:
        value = "".join(self._text).strip()
        self._text.clear()
        self._path.pop()
        if value:
            self._keep(name, value)
            if self._path:
                self._keep(f"{self._path[-1]}/{name}", value)

    def _keep(self, name: str, value: str) -> None:
        if len(self._found) < _VALUES_MAX:
            self._found.setdefault(name, value)
