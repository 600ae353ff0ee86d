"""What every template may ask about reading."""

from django.conf import settings
from django.http import HttpRequest


def reading(_request: HttpRequest) -> dict[str, object]:
    """``is_reading_off``: nothing that phones send is read here, only kept."""
    return {"is_reading_off": settings.STATION_INDEXING == "off"}
