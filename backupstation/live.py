"""The station page's own socket, /live/: what changed, twice a second.

Text messages of JSON. From the page: ``hello`` (its language, and the code that it shows already),
``show`` (another address, scope or IM server), ``decide`` (Allow or Deny). To the page: one object
of the parts that changed, as HTML. A page that is gone, or signed out, is issued no more codes.
"""

import asyncio
import json
import logging
from contextlib import suppress
from types import SimpleNamespace
from typing import Final, cast

import msgspec
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.utils import timezone, translation

from backupstation import replacing, showing
from backupstation.bound import UNREADABLE
from backupstation.page import Page
from backupstation.showing import Choice
from transfer import approvals
from transfer.models import Approval, Snapshot
from transfer.workers import in_database

log = logging.getLogger(__name__)
POLL_SECONDS: Final = 0.5
SIGNED_OUT: Final = 4401
MALFORMED: Final = 4400


class Hello(msgspec.Struct, frozen=True, tag="hello", tag_field="type"):
    """The page is there. ``link`` is the code that was rendered with it, or empty."""

    language: str
    link: str
    choice: Choice


class Show(msgspec.Struct, frozen=True, tag="show", tag_field="type"):
    """The person chose what the code says."""

    choice: Choice


class Decide(msgspec.Struct, frozen=True, tag="decide", tag_field="type"):
    """The person pressed Allow or Deny below these six digits.

    ``replaces`` is the thumbprint of the phone that an allowed one takes the place of, or empty.
    """

    digits: str
    allow: bool
    replaces: str = ""


_decoder: Final = msgspec.json.Decoder(Hello | Show | Decide)


class LivePage(AsyncWebsocketConsumer):
    """One open station page."""

    page: Page | None = None
    language: str = settings.LANGUAGE_CODE
    polling: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Accept everyone of this origin; tell those who are signed out to sign in."""
        await self.accept()
        if not await in_database(self._refresh_owner):
            await self.close(SIGNED_OUT)

    async def receive(self, text_data: str | None = None, **_binary: object) -> None:
        """Obey one message of the page."""
        try:
            message = _decoder.decode(text_data or b"")
        except msgspec.DecodeError:
            await self.close(MALFORMED)
            return
        if not await in_database(self._obey, message):
            await self.close(SIGNED_OUT)
            return
        if self.polling is None:
            self.polling = asyncio.create_task(self._poll())

    async def disconnect(self, _code: int) -> None:
        """The page is gone: its last code runs out by itself."""
        if self.polling is not None:
            self.polling.cancel()

    def _refresh_owner(self) -> bool:
        """Read the session anew: someone may have signed out, or lost the account, since."""
        request = SimpleNamespace(session=SessionStore(self.scope["session"].session_key))
        user = get_user(cast(HttpRequest, request))
        if not user.is_authenticated:
            return False
        if self.page is None:
            self.page = Page(cast(AbstractBaseUser, user))
        return True

    def _obey(self, message: Hello | Show | Decide) -> bool:
        if not self._refresh_owner() or self.page is None:
            return False
        match message:
            case Hello(language, link, choice):
                if language in dict(settings.LANGUAGES):
                    self.language = language
                self.page.choose(choice)
                with suppress(Snapshot.DoesNotExist, *UNREADABLE):  # the page says so by itself
                    self.page.adopt(showing.adopted(self.page.owner, link, choice))
            case Show(choice):
                self.page.choose(choice)
            case Decide(digits, allow, replaces):
                decide(self.page.owner, digits, allow=allow, replaces=replaces)
        return True

    async def _poll(self) -> None:
        try:
            while True:
                changed = await in_database(self._look)
                if changed is None:
                    await self.close(SIGNED_OUT)
                    return
                if changed:
                    await self.send(json.dumps({"parts": changed}))
                await asyncio.sleep(POLL_SECONDS)
        except ConnectionError:
            return  # the page was left; ``disconnect`` follows
        except Exception:
            log.exception("the live page stopped")
            await self.close()

    def _look(self) -> dict[str, str] | None:
        """The one function that looks at the database for this page; None when signed out."""
        if not self._refresh_owner() or self.page is None:
            return None
        with translation.override(self.language):
            return self.page.changes(timezone.now())


def decide(owner: AbstractBaseUser, digits: str, *, allow: bool, replaces: str = "") -> None:
    """Pass on the owner's answer; a question that was answered meanwhile needs none.

    Where several phones show these digits, the page says so and offers no Allow; nor does it offer
    somebody else's phone to be replaced.
    """
    if replaces and not replacing.is_theirs(owner, replaces):
        log.warning("refused to replace a phone that is not this owner's")
        return
    try:
        approvals.decide(owner, digits, allow=allow, replaces=replaces)
    except Approval.DoesNotExist:
        log.info("no phone waits with these digits any more")
    except approvals.SameDigits as refused:
        log.info("%s", refused)
