"""The IM server: accounts, their phones, registered stations, and the tickets it issues.

It runs inside the station's process by default, or alone (``manage.py imserver run``), serving many
stations. Either way a station trusts its tickets only because of a pinned issuer key.
"""
