"""Management commands of the IM server."""
