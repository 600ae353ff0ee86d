"""What one connection has under way: tasks, and changes on database threads."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from transfer.workers import in_database

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Work:
    """Nothing that was begun here outlives the connection. ``fail`` gets what a task raises."""

    def __init__(self, fail: Callable[[Exception], Awaitable[None]]) -> None:
        self._fail = fail
        self._tasks: set[asyncio.Task[None]] = set()
        self._changing: asyncio.Future[Any] | None = None
        self._over = False

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Work until the connection ends, but not beyond: nobody would stop it then."""
        if self._over:
            work.close()
            return
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as error:
            await self._fail(error)

    async def change(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Change something on a database thread. It cannot be stopped: the end waits as well.

        Raises ``ConnectionError`` when the connection is over, before or after.
        """
        self.check_going_on()
        self._changing = work = in_database(function, *args, **kwargs)
        done = await asyncio.shield(work)
        self.check_going_on()
        return done

    def check_going_on(self) -> None:
        """Raise ``ConnectionError`` when the connection is over."""
        if self._over:
            raise ConnectionError("the connection has ended")

    def close(self) -> None:
        """Let nothing new begin; what is under way goes on until ``stop``."""
        self._over = True

    async def stop(self) -> None:
        """Stop every task, and wait for the change that cannot be stopped."""
        working = list(self._tasks)
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        if self._changing is not None:
            await asyncio.gather(self._changing, return_exceptions=True)
