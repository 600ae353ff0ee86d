"""What daphne serves: pages over HTTP, the live page and the listening port over WebSocket."""

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backupstation.settings")
pages = get_asgi_application()

from channels.auth import AuthMiddleware  # noqa: E402 - Django must be set up first
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.sessions import CookieMiddleware, SessionMiddleware  # noqa: E402
from django.urls import path  # noqa: E402

from backupstation.cookies import SecureSocketCookies  # noqa: E402
from backupstation.hosts import OwnOriginOnly  # noqa: E402
from backupstation.live import LivePage  # noqa: E402
from transfer.consumers import ListeningPort  # noqa: E402

signed_in: Any = SessionMiddleware(AuthMiddleware(LivePage.as_asgi()))
live: Any = OwnOriginOnly(CookieMiddleware(SecureSocketCookies(signed_in)))

# The listening port reads no cookie, so a native client without an Origin is welcome there and
# only there; the page's own socket carries the session and keeps the origin check.
application = ProtocolTypeRouter(
    {
        "http": pages,
        "websocket": URLRouter(
            [
                path("listen/v1/<str:session_id>", ListeningPort.as_asgi()),
                path("live/", live),
            ]
        ),
    }
)
