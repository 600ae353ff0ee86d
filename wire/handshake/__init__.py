"""Both sides of connecting and verifying, as state machines without I/O (patent claims 4 and 9).

Messages go in through ``receive``; what must be sent is taken with ``data_to_send``; what happened
comes back as an event. Keys, clock and randomness are given by the caller. An exception ends the
handshake for good: nothing is accepted after it.

    phone                                          station
    hello (Noise e, psk)              ->
                                      <-           reply (Noise e, ee): the channel is there
    [enrol                            ->
                                      <-           pending … enrolled]
    first {ticket, proof}             ->           checks it, claims the invitation
                                      <-           [pending …] second, from the account id
    checks it: verified {proof}       ->
                                      <-           open
"""

from wire.handshake.events import (
    Connected,
    EnrolledAs,
    EnrolRequested,
    Event,
    FirstAccepted,
    Left,
    Opened,
    PhoneVerified,
    SecondAccepted,
    Waiting,
)
from wire.handshake.phone import PhoneHandshake, public_bytes
from wire.handshake.side import State
from wire.handshake.station import SCOPES, StationHandshake, StationTerms

__all__ = [
    "SCOPES",
    "Connected",
    "EnrolRequested",
    "EnrolledAs",
    "Event",
    "FirstAccepted",
    "Left",
    "Opened",
    "PhoneHandshake",
    "PhoneVerified",
    "SecondAccepted",
    "State",
    "StationHandshake",
    "StationTerms",
    "Waiting",
    "public_bytes",
]
