"""Template filters of the pages and the admin."""
