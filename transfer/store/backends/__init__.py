"""Where sealed objects are kept; one behavioural test suite runs over every backend."""

from transfer.store.backends._base import Backend, ObjectExists, StoreAway

__all__ = ["Backend", "ObjectExists", "StoreAway"]
