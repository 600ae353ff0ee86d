"""The station itself: settings, server, pages, and the wiring between accounts and transfer."""
