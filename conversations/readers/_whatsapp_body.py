"""The lines from one header to the next, as many of them as a text may have characters."""

from conversations import limits


class Body:
    """Gathers the lines of one message; ``span`` counts all of them, also those cut off."""

    __slots__ = ("_lines", "_room", "is_cut", "number", "span", "time")

    def __init__(self, number: int, time: int, first: str) -> None:
        self.number = number
        self.time = time
        self.span = 1
        self._room = limits.TEXT_CHARS_MAX - len(first)
        self.is_cut = self._room < 0
        self._lines = [first[: limits.TEXT_CHARS_MAX] if self.is_cut else first]

    def add(self, text: str) -> None:
        """One more line."""
        self.span += 1
        self._room -= len(text) + 1
        if self._room >= 0:
            self._lines.append(text)
        elif not self.is_cut:
            self.is_cut = True
            self._lines.append(text[: max(0, self._room + len(text))])

    def lines(self) -> list[str]:
        """The lines, without blank ones at the end: WhatsApp trims what people write."""
        while len(self._lines) > 1 and not self._lines[-1]:
            self._lines.pop()
        return self._lines
