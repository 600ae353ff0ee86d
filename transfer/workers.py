"""Threads for what may not run on the event loop: cryptography and storage, and the database."""

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from django.db import DatabaseError, connections

_P = ParamSpec("_P")
_R = TypeVar("_R")

log: Final = logging.getLogger(__name__)
# Decrypting, hashing, compressing and sealing release the interpreter lock: a thread per core.
_data: Final = ThreadPoolExecutor(max(2, os.cpu_count() or 2), "transfer-data")
_database: Final = ThreadPoolExecutor(8, "transfer-database")


def in_worker(
    function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs
) -> asyncio.Future[_R]:
    """Run work on bytes in a data thread; it must not touch the database."""
    loop = asyncio.get_running_loop()
    return loop.run_in_executor(_data, lambda: function(*args, **kwargs))


def in_database(
    function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs
) -> asyncio.Future[_R]:
    """Run a function that uses the database on one of a few threads, which stay connected.

    Opening SQLite anew for every call took a fifth of the station's time. After an error of the
    database the thread's connection is closed, so that the next call gets a sound one.
    """
    loop = asyncio.get_running_loop()
    return loop.run_in_executor(_database, lambda: _with_database(function, *args, **kwargs))


def soon_in_database(
    function: Callable[_P, object], *args: _P.args, **kwargs: _P.kwargs
) -> Future[object]:
    """The same from any thread, for what nobody needs to wait for; a failure is logged."""
    done: Future[object] = _database.submit(lambda: _with_database(function, *args, **kwargs))
    done.add_done_callback(_log_failure)
    return done


def _with_database(function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
    try:
        return function(*args, **kwargs)
    except DatabaseError:
        connections.close_all()
        raise


def _log_failure(done: Future[object]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        log.error("work in the database failed: %s", error, exc_info=error)
