"""The station page's own socket: what changed, twice a second."""

from channels.generic.websocket import AsyncJsonWebsocketConsumer


class LivePage(AsyncJsonWebsocketConsumer):
    """One open station page."""

    async def connect(self) -> None:
        """Accept signed-in people only."""
        if self.scope["user"].is_authenticated:
            await self.accept()
        else:
            await self.close()
