"""The station by https: with a certificate of its own authority, or with one that is given."""
