"""Threads for what may not run on the event loop: cryptography and storage, and the database."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from django.db import DatabaseError, connections

_P = ParamSpec("_P")
_R = TypeVar("_R")

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

    def work() -> _R:
        try:
            return function(*args, **kwargs)
        except DatabaseError:
            connections.close_all()
            raise

    return asyncio.get_running_loop().run_in_executor(_database, work)
