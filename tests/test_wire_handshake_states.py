"""Both sides driven at random: by a hostile network, and by a phone that knows the QR code."""

import itertools

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.test_wire_handshake import (
    GRANT,
    INDICATION,
    KEYS,
    MALLORY,
    PHONE_NAME,
    PUBLIC,
    TERMS,
    TICKET,
    TICKET_TEXT,
    TRANSFER,
    sides,
    signed,
)
from wire import messages, proofs, tokens
from wire.channel import control_frame, data_frame_header
from wire.errors import WireError
from wire.handshake import (
    EnrolRequested,
    FirstAccepted,
    Left,
    Opened,
    PhoneVerified,
    SecondAccepted,
    State,
)

PASSED = (State.VERIFIED, State.OPEN)


class HostileNetwork(RuleBasedStateMachine):
    """Mallory carries every message; she drops, repeats, swaps, turns back and changes them.

    Phone and station themselves are honest and do what they may at any time, or try too early.
    """

    def __init__(self):
        super().__init__()
        self.connect_anew()

    @precondition(lambda self: State.FAILED in (self.phone.state, self.station.state))
    @rule()
    def connect_anew(self):
        self.phone, self.station = sides()
        self.on_the_way = {"station": [], "phone": []}
        self.sent_to = {"station": [], "phone": []}
        self.delivered = {"station": 0, "phone": 0}
        self.tampered = set()
        self.events = {"station": [], "phone": []}

    def side(self, name):
        return self.phone if name == "phone" else self.station

    def collect(self):
        for sender, receiver in (("phone", "station"), ("station", "phone")):
            for message in self.side(sender).data_to_send():
                self.on_the_way[receiver].append(message)
                self.sent_to[receiver].append(message)

    def deliver(self, receiver, message):
        side = self.side(receiver)
        was_over = side.state in (State.FAILED, State.OPEN)
        at = self.delivered[receiver]
        self.delivered[receiver] += 1
        if message not in self.sent_to[receiver][at : at + 1] and not was_over:
            self.tampered.add(receiver)
        try:
            event = side.receive(message)
        except WireError:
            assert side.state is State.FAILED or was_over
        else:
            assert not was_over
            self.events[receiver].append(type(event))
        self.collect()

    # What honest sides do, or try

    @rule(do=st.sampled_from(["hello", "present", "enrol", "ping"]))
    def phone_acts(self, do):
        before = self.phone.state
        try:
            match do:
                case "hello":
                    self.phone.hello()
                case "present":
                    self.phone.present(TICKET_TEXT, INDICATION, TICKET.sub)
                case "enrol":
                    self.phone.enrol(PHONE_NAME)
                case "ping":
                    self.phone.ping()
        except WireError:
            assert self.phone.state is before
        self.collect()

    @rule(do=st.sampled_from(["accept", "pending", "enrolled", "open"]))
    def station_acts(self, do):
        before = self.station.state
        try:
            match do:
                case "accept":
                    self.station.accept()
                case "pending":
                    self.station.pending(600)
                case "enrolled":
                    self.station.enrolled(GRANT)
                case "open":
                    self.station.open(TERMS)
        except WireError:
            assert self.station.state is before
        self.collect()

    @rule()
    def goes_on_honestly(self):
        """Everybody does what is due; without this, few runs would get far."""
        match self.phone.state, self.station.state:
            case State.START, _:
                self.phone_acts("hello")
            case State.CHANNEL, State.CHANNEL if not self.on_the_way["station"]:
                self.phone_acts("present")
            case _, State.DECIDING:
                self.station_acts("accept")
            case _, State.VERIFIED:
                self.station_acts("open")
        self.deliver_next("station", 2)

    # What the network does

    @rule(receiver=st.sampled_from(["station", "phone"]), rounds=st.integers(1, 4))
    def deliver_next(self, receiver, rounds):
        for name in itertools.islice(itertools.cycle([receiver, "phone", "station"]), rounds):
            if self.on_the_way[name]:
                self.deliver(name, self.on_the_way[name].pop(0))

    @rule(receiver=st.sampled_from(["station", "phone"]))
    def drop(self, receiver):
        if self.on_the_way[receiver]:
            self.on_the_way[receiver].pop(0)

    @rule(receiver=st.sampled_from(["station", "phone"]))
    def swap(self, receiver):
        queue = self.on_the_way[receiver]
        if len(queue) > 1:
            queue[0], queue[1] = queue[1], queue[0]

    @precondition(lambda self: self.sent_to["station"])
    @rule(receiver=st.sampled_from(["station", "phone"]), data=st.data())
    def replay_or_reflect(self, receiver, data):
        seen = self.sent_to["station"] + self.sent_to["phone"]
        self.deliver(receiver, data.draw(st.sampled_from(seen)))

    @rule(receiver=st.sampled_from(["station", "phone"]), data=st.data())
    def change(self, receiver, data):
        if self.on_the_way[receiver]:
            message = self.on_the_way[receiver].pop(0)
            changed = bytearray(message)
            bit = data.draw(st.integers(0, 8 * len(message) - 1))
            changed[bit // 8] ^= 1 << bit % 8
            self.deliver(receiver, bytes(changed))

    @rule(receiver=st.sampled_from(["station", "phone"]), garbage=st.binary(max_size=100))
    def invent(self, receiver, garbage):
        self.deliver(receiver, garbage)

    # What must hold

    @invariant()
    def who_was_tampered_with_has_given_up(self):
        for name in self.tampered:
            assert self.side(name).state is State.FAILED

    @invariant()
    def nobody_is_verified_without_every_step(self):
        station, phone = self.events["station"], self.events["phone"]
        if self.station.state in PASSED:
            assert FirstAccepted in station
            assert PhoneVerified in station
            assert SecondAccepted in phone
        if self.phone.state is State.OPEN:
            assert Opened in phone
            assert SecondAccepted in phone
            assert PhoneVerified in station
            assert self.station.state is State.OPEN or "station" in self.tampered


# A failed side has little left to show: mostly draw steps for one that lives.
ALIVE = precondition(lambda self: self.expected is not State.FAILED)


class RoguePhone(RuleBasedStateMachine):
    """Mallory has seen the QR code and has the channel: she says whatever she likes.

    The model is the table of what may follow what; everything else must end the handshake.
    """

    def __init__(self):
        super().__init__()
        self.connect_anew()

    @precondition(lambda self: self.expected is State.FAILED)
    @rule()
    def connect_anew(self):
        self.phone, self.station = sides()
        self.phone.hello()
        self.carry(self.phone, self.station)
        self.carry(self.station, self.phone)
        self.expected = State.CHANNEL
        self.second = ""

    @staticmethod
    def carry(sender, receiver):
        for message in sender.data_to_send():
            receiver.receive(message)

    @property
    def h(self):
        return self.phone.channel.handshake_hash

    def say(self, message, *, becomes=None):
        """Say it; the station goes to state ``becomes``, or gives up."""
        plaintext = message
        if not isinstance(message, bytes):
            plaintext = control_frame(messages.encode(message))
        sealed = self.phone.channel.seal(plaintext)
        over = self.expected in (State.FAILED, State.OPEN)
        try:
            event = self.station.receive(sealed)
        except WireError:
            assert becomes is None or over
            if not over:
                self.expected = State.FAILED
            assert self.station.data_to_send() == []
            return None
        assert not over
        assert becomes is not None
        self.expected = becomes
        return event

    def heard(self):
        return [self.phone.channel.open(message) for message in self.station.data_to_send()]

    @ALIVE
    @rule(message=st.sampled_from([messages.Ping(), messages.Pong()]))
    def keeps_alive(self, message):
        assert self.say(message, becomes=self.expected) is None
        self.heard()

    @ALIVE
    @rule()
    def says_goodbye(self):
        assert isinstance(self.say(messages.Bye(), becomes=State.FAILED), Left | None)

    def first(self, ticket, key=KEYS["phone"], proof_key=None, over=None):
        proof = proofs.prove(proof_key or key, proofs.first_text(over or self.h, ticket))
        return messages.First(ticket, key.public_key().public_bytes_raw(), proof)

    @ALIVE
    @rule()
    def presents_a_right_first(self):
        right = self.expected is State.CHANNEL
        event = self.say(self.first(TICKET_TEXT), becomes=State.DECIDING if right else None)
        assert isinstance(event, FirstAccepted) == right

    @ALIVE
    @rule(kind=st.sampled_from(["ticket", "key", "proof", "connection", "claims"]))
    def presents_a_wrong_first(self, kind):
        self.say(
            {
                "ticket": lambda: self.first(signed(MALLORY)),
                "key": lambda: self.first(TICKET_TEXT, MALLORY),
                "proof": lambda: self.first(TICKET_TEXT, proof_key=MALLORY),
                "connection": lambda: self.first(TICKET_TEXT, over=bytes(32)),
                "claims": lambda: self.first(signed(sid=tokens.b64u(bytes(16)))),
            }[kind]()
        )

    @ALIVE
    @rule()
    def enrols(self):
        right = self.expected is State.CHANNEL
        proof = proofs.prove(KEYS["phone"], proofs.enrol_text(self.h))
        enrol = messages.Enrol(PUBLIC["phone"], PHONE_NAME, proof)
        event = self.say(enrol, becomes=State.ENROLLING if right else None)
        assert isinstance(event, EnrolRequested) == right

    @ALIVE
    @rule()
    def agrees_to_the_second_information(self):
        right = self.expected is State.AWAIT_VERIFIED
        proof = proofs.prove(KEYS["phone"], proofs.verified_text(self.second))
        event = self.say(messages.Verified(proof), becomes=State.VERIFIED if right else None)
        assert isinstance(event, PhoneVerified) == right

    @ALIVE
    @rule(key=st.sampled_from([MALLORY, KEYS["issuer"]]), text=st.sampled_from(["", "x"]))
    def agrees_wrongly(self, key, text):
        proof = proofs.prove(key, proofs.verified_text(self.second or text))
        self.say(messages.Verified(proof))

    @ALIVE
    @rule(steps=st.integers(1, 4))
    def goes_on_rightly(self, steps):
        """What is due; without this, few runs would get far."""
        for _ in range(steps):
            match self.expected:
                case State.CHANNEL:
                    self.presents_a_right_first()
                case State.DECIDING:
                    self.station_acts("accept")
                case State.AWAIT_VERIFIED:
                    self.agrees_to_the_second_information()
                case State.VERIFIED:
                    self.station_acts("open")

    @ALIVE
    @rule(message=st.sampled_from([*TRANSFER, data_frame_header(0, 1) + b"x", b"\x02garbage"]))
    def skips_ahead(self, message):
        self.say(message)

    @ALIVE
    @rule(message=st.sampled_from([messages.Second("x"), TERMS, GRANT]))
    def plays_the_station(self, message):
        self.say(message)

    @rule(do=st.sampled_from(["accept", "enrolled", "open"]))
    def station_acts(self, do):
        allowed = {
            "accept": (State.DECIDING, State.AWAIT_VERIFIED),
            "enrolled": (State.ENROLLING, State.ENROLLED),
            "open": (State.VERIFIED, State.OPEN),
        }
        needed, becomes = allowed[do]
        try:
            match do:
                case "accept":
                    self.station.accept()
                case "enrolled":
                    self.station.enrolled(GRANT)
                case "open":
                    self.station.open(TERMS)
        except WireError:
            assert self.expected is not needed
            return
        assert self.expected is needed
        self.expected = becomes
        told = self.heard()
        if do == "accept":
            self.second = messages.decode_from_station(told[0][5:]).token

    @invariant()
    def the_station_is_where_the_table_says(self):
        assert self.station.state is self.expected


_QUICK = settings(
    max_examples=80,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestHostileNetwork = HostileNetwork.TestCase
TestHostileNetwork.settings = _QUICK
TestRoguePhone = RoguePhone.TestCase
TestRoguePhone.settings = _QUICK
