"""Reading one source to its end, whatever happens in it.

Pure: files in, events out. It runs in the confined process (:mod:`conversations.confined`), and
directly in tests.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

import msgspec

from conversations import limits
from conversations.events import Counts, DateOrder, Event, ReadWarning
from conversations.readers import BY_APP, NotReadable
from conversations.recognising import Recognised
from conversations.records import BadRecords
from conversations.source import Source
from conversations.tree import MISSING, Damaged, Tree


class Reading:
    """Yields the events of one source; ``counts`` reconcile when it has ended."""

    def __init__(
        self,
        tree: Tree,
        recognised: Recognised,
        date_orders: Mapping[str, DateOrder] | None = None,
    ) -> None:
        self.counts = Counts()
        self.told = 0
        self._remarks = Counter[str]()
        self._reader = BY_APP[recognised.app]
        self._source = Source(tree, recognised.files, date_orders)

    def __iter__(self) -> Iterator[Event]:
        """Everything that the reader finds; what it raises ends in a warning."""
        for event in self._guarded():
            self.counts.add(event)
            self.counts.seen = self._source.seen
            if isinstance(event, ReadWarning):
                self.told += 1
                if self._is_one_too_many(event):
                    continue
            yield event
        self.counts.seen = self._source.seen
        if not self.counts.reconciles:
            yield ReadWarning("counts-differ", detail=str(msgspec.structs.astuple(self.counts)))

    def _is_one_too_many(self, warning: ReadWarning) -> bool:
        """Of each code some are told, so that many small ones do not hide how a source ended."""
        if warning.records:
            return False
        self._remarks[warning.code] += 1
        return self._remarks[warning.code] > limits.WARNINGS_TOLD_MAX

    def _guarded(self) -> Iterator[Event]:
        try:
            yield from self._reader.read(self._source)
        except NotReadable as error:
            yield self._stopped(error.code, error.detail, error.file, error.line)
        except BadRecords as error:
            yield self._stopped("bad-json", str(error), error.file, error.line)
        except Damaged as error:
            yield self._stopped(error.code, str(error))
        except (OSError, KeyError) as error:
            yield self._stopped(MISSING, str(error))
        except MemoryError:
            yield self._stopped("too-much-memory")
        except RecursionError:
            yield self._stopped("nested-too-deep")
        except Exception as error:  # a fault of one reader must not hide the others' chats
            yield self._stopped("reader-failed", f"{type(error).__name__}: {error}")

    def _stopped(self, code: str, detail: str = "", file: int = 0, line: int = 0) -> ReadWarning:
        """The record that was being read when it ended, and is now this warning."""
        counted = self.counts
        done = counted.messages + counted.system + counted.continuations + counted.warned
        left = max(0, self._source.seen - done)
        return ReadWarning(code, file, line, detail[: limits.DETAIL_CHARS_MAX], left)
