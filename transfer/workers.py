"""Threads for what may not run on the event loop: cryptography and storage, and the database."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from django.db import close_old_connections

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
    """Run a function that uses the database in a thread of its own."""

    def work() -> _R:
        close_old_connections()
        try:
            return function(*args, **kwargs)
        finally:
            close_old_connections()

    return asyncio.get_running_loop().run_in_executor(_database, work)
