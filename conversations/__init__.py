"""What was kept, made readable: conversations derived from the bytes of snapshots.

Bytes are the truth, conversations are a view: everything here is made again by ``manage.py
reindex``, so a better reader can re-read old snapshots any day.
"""
