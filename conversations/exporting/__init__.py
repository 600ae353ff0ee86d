"""A conversation written down for other programs and for people without this one."""
