"""The IM server alone: its process, its pages and its operator's command.

``accounts`` answers the calls; here is what serves them elsewhere than in a station, so nothing of
``transfer`` is imported.
"""
