"""Keeps bytes: vaults, chunks, packs, manifests and receipts, always encrypted, each write-once.

It knows no chats, no phones and no Django. docs/store.md describes every object byte by byte.
"""
