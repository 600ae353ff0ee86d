"""Template filters of the station pages."""
