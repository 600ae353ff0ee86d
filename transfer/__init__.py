"""The backup terminal: invitations, the listening port, verification, receiving and restoring."""
