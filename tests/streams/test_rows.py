"""A member's row says all that her state says, in the bytes that tables in use already hold."""

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import msgpack

from scoring.further import Asked, Bucket, Further, Given, HeardMerge, Hold, Merge, Override, Part, Sealed, Told
from scoring.ledger import worth
from scoring.policy import SealRules
from scoring.state import ORDER, Amended, MemberState
from streams.further_rows import decode_further, encode_further
from streams.rows import UnknownRowVersionError, decode, encode, next_due_of, offset_of
from tests.builders import (
    FIELDS,
    FURTHER_FIELDS,
    Story,
    a_cancel,
    a_policy,
    a_return,
    a_visit,
    an_order,
    an_override,
    contents,
    holding,
    midnight,
    noon,
)

INSTANTS = st.integers(-(1 << 46), 1 << 48)
PRINTS = st.binary(min_size=8, max_size=8)
DAYS = st.integers(-800_000, 3_000_000)
MONEY = st.integers(0, 10**12)
REVISIONS = st.integers(0, 2 * 10**9)
ORDERS = st.lists(st.tuples(PRINTS, INSTANTS, DAYS, MONEY, REVISIONS), max_size=70).map(
    lambda orders: b"".join(ORDER.pack(*order) for order in orders)
)
RETURNS = st.lists(st.tuples(PRINTS, REVISIONS, INSTANTS, MONEY), max_size=4).map(tuple)


@st.composite
def amended_orders(draw: st.DrawFn) -> Amended:
    net, status, returns = draw(MONEY), draw(st.integers(-1, 1)), draw(RETURNS)
    return (
        draw(PRINTS),
        draw(INSTANTS),
        draw(DAYS),
        worth(net, status, returns),
        draw(st.integers(-1, 2 * 10**9)),
        net,
        status,
        draw(st.integers(-1, 2 * 10**9)),
        draw(INSTANTS),
        returns,
    )


COUNTS = st.integers(0, (1 << 32) - 1)
RANKS = st.integers(0, 255)
TEXTS = st.text(max_size=64)
THRESHOLDS = st.none() | MONEY
ASKED = st.none() | st.builds(Asked, THRESHOLDS, THRESHOLDS, st.booleans(), THRESHOLDS)
HOLDS = st.builds(Hold, RANKS, INSTANTS, INSTANTS, ASKED, st.booleans(), st.booleans())
TOLD = st.builds(Told, COUNTS, TEXTS, INSTANTS, RANKS, RANKS)
BUCKETS = st.builds(Bucket, DAYS, COUNTS, MONEY, st.lists(PRINTS, max_size=3).map(b"".join))
SEALED = st.none() | st.builds(Sealed, st.lists(BUCKETS, max_size=3).map(tuple), INSTANTS, DAYS)
PARTS = st.builds(
    Part,
    TEXTS,
    INSTANTS,
    ORDERS,
    st.lists(amended_orders(), max_size=2).map(tuple),
    SEALED,
    INSTANTS,
    COUNTS,
    st.lists(DAYS, max_size=12).map(tuple),
    st.lists(TEXTS, max_size=8).map(tuple),
    TEXTS,
    st.lists(TEXTS, max_size=2).map(tuple),
    st.lists(COUNTS, max_size=8).map(tuple),
)
HEARD = st.builds(HeardMerge, TEXTS, COUNTS, st.booleans(), INSTANTS)
SEGMENTS = st.integers(-1, 20)
FURTHER = st.builds(
    Further,
    base=RANKS,
    told_stage=st.integers(0, 6),
    held_until=INSTANTS,
    grace_until=INSTANTS,
    qualified_at=INSTANTS,
    asked=ASKED,
    notice_told=st.booleans(),
    stack=st.lists(HOLDS, max_size=4).map(tuple),
    override=st.none() | st.builds(Override, INSTANTS, TEXTS, TEXTS, INSTANTS),
    override_in_force=st.booleans(),
    floor=RANKS,
    rf_segment=SEGMENTS,
    quadrant=SEGMENTS,
    kind_of_eight=SEGMENTS,
    provisional=st.booleans(),
    remembered=st.lists(TOLD, max_size=8).map(tuple),
    sealed=SEALED,
    absorbed=st.lists(TEXTS, max_size=3).map(tuple),
    parts=st.lists(PARTS, max_size=2).map(tuple),
    merge=st.none() | st.builds(Merge, TEXTS, INSTANTS, INSTANTS, TEXTS, INSTANTS, COUNTS),
    erased=st.booleans(),
    heard=st.lists(HEARD, max_size=3).map(tuple),
    given=st.lists(st.builds(Given, TEXTS, st.integers(-1_000, 100_000)), max_size=3).map(tuple),
)
STATES = st.builds(
    MemberState,
    offset=st.integers(0, (1 << 63) - 1),
    next_due=INSTANTS,
    as_of=INSTANTS,
    sequence=COUNTS,
    tier=st.integers(0, 255),
    stage=st.integers(0, 6),
    tier_since=INSTANTS,
    stage_since=INSTANTS,
    joined_at=INSTANTS,
    last_at=INSTANTS,
    frequency=COUNTS,
    monetary=st.integers(0, 10**18),
    tier_frequency=COUNTS,
    tier_monetary=st.integers(0, 10**18),
    last_day=DAYS,
    exit_day=DAYS,
    oldest_day=DAYS,
    purchase_days=st.integers(0, 2),
    gone_at=INSTANTS,
    gone_days=COUNTS,
    orders=ORDERS,
    amended=st.lists(amended_orders(), max_size=4).map(tuple),
    remembered=st.lists(PRINTS, max_size=16).map(b"".join),
    gone_purchase_days=st.lists(DAYS, max_size=12).map(tuple),
    further=st.none() | FURTHER,
)


def all_of(state: MemberState) -> list[object]:
    return [getattr(state, name) for name in FIELDS if name != "further"] + [
        None if state.further is None else getattr(state.further, name) for name in FURTHER_FIELDS
    ]


@settings(deadline=None)
@given(STATES)
def test_a_row_gives_back_the_state_it_was_made_of(state: MemberState) -> None:
    row = encode(state)
    assert all_of(decode(row)) == all_of(state)
    assert (offset_of(row), next_due_of(row)) == (state.offset, state.next_due)


def test_a_members_own_row_goes_on_where_she_was() -> None:
    story = Story()
    story.has(an_order("a"), a_return("b"), a_return("b", return_id="x"), a_cancel("c"), a_visit(), an_order("d"))
    again = Story()
    again.state, again.position.offset = decode(encode(story.member)), story.position.offset
    for each in story, again:
        each.has(an_order("b", at=noon(1)), an_order("a", revision=2, at=noon(2)))
    assert contents(story.member) == contents(again.member)


GOLDEN = (
    # header
    "0241420f000000000000dcb1a69c0100007bd66d799b01000003000000020100d66d799b01000001d66d799b010000"
    "02d66d799b01000003d66d799b0100000200000087d61200000000000100000044d6120000000000e64f0000535100"
    "00b04f0000020068e5cf8b01000004000000010000000101000000"
    # the order
    "010203040506070803d66d799b010000e64f000044d612000000000001000000"
    # the remembered id
    "76697369742e2e2e"
    # the amended order
    "616d656e6465642e00d66d799b010000e64f000002000000a700000000000000000100000009d66d799b0100000100"
    "0000"
    # its return
    "72657475726e65640100000007000000000000006400000000000000"
)


def test_the_bytes_of_a_row_are_these() -> None:
    state = MemberState(
        offset=1_000_001,
        next_due=1_772_323_200_000,
        as_of=1_767_268_800_123,
        sequence=3,
        tier=2,
        stage=1,
        tier_since=1_767_268_800_000,
        stage_since=1_767_268_800_001,
        joined_at=1_767_268_800_002,
        last_at=1_767_268_800_003,
        frequency=2,
        monetary=1_234_567,
        tier_frequency=1,
        tier_monetary=1_234_500,
        last_day=20_454,
        exit_day=20_819,
        oldest_day=20_400,
        purchase_days=2,
        gone_at=1_700_000_000_000,
        gone_days=4,
        orders=ORDER.pack(b"\1\2\3\4\5\6\7\x08", 1_767_268_800_003, 20_454, 1_234_500, 1),
        amended=(
            (b"amended.", 1_767_268_800_000, 20_454, 67, 2, 167, 0, 1, 1_767_268_800_009, ((b"returned", 1, 7, 100),)),
        ),
        remembered=b"visit...",
    )
    assert encode(state).hex() == GOLDEN


def test_the_bytes_of_a_row_with_more_to_say_begin_after_the_header() -> None:
    state = decode(bytes.fromhex(GOLDEN))
    state.gone_purchase_days = (20_451, 20_452)
    further = Further(2, 1)
    further.held_until = 1_772_323_200_000
    state.further = further
    row = encode(state)
    header, rest = bytes.fromhex(GOLDEN)[:121], bytes.fromhex(GOLDEN)[121:]
    changed = [place for place in range(121) if row[place] != header[place]]
    assert [(row[place], header[place]) for place in changed] == [(0xC2, 2)]
    assert row[121:].endswith(rest)
    between = row[121 : -len(rest)]
    packed = "dc00160201cf0000019ca6b1dc000000c0c290c0c200ffffffc290c09090c0c290"
    assert between.hex() == f"02e34f0000e44f000021000000{packed}"


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_row_with_more_to_say_cut_short_is_not_read(cut: int) -> None:
    story = Story(holding())
    story.has(an_order(net=2_000), an_override("Gold", until=midnight(50)))
    with pytest.raises(struct.error):
        decode(encode(story.member)[:-cut])


def test_only_members_with_more_to_say_have_longer_rows() -> None:
    usual, held = Story(), Story(holding())
    for story in usual, held:
        story.has(an_order(net=2_000))
    assert len(encode(usual.member)) == 121 + 32
    assert 0 < len(encode(held.member)) - len(encode(usual.member)) < 60


def test_rows_are_compact() -> None:
    story = Story()
    story.has(a_visit())
    story.member.remembered = b""
    empty = len(encode(story.member))
    story.has(an_order("a"), an_order("b"))
    assert empty <= 121
    assert len(encode(story.member)) - empty <= 2 * 40


@pytest.mark.parametrize("version", [0, 3, 255])
def test_a_row_of_another_version_is_refused_by_name(version: int) -> None:
    story = Story()
    story.has(an_order())
    row = bytes([version]) + encode(story.member)[1:]
    for read in decode, offset_of, next_due_of:
        with pytest.raises(UnknownRowVersionError, match=f"version {version}.*versions 1 to 2"):
            read(row)


def as_version_1(row: bytes, more: str = "") -> bytes:
    """A row with nothing between header and orders as version 1 wrote it: with a hold, ``more``, in fewer bytes."""
    changed = bytearray(b"\1" + row[1:])
    if more:
        changed[COUNTED_AT] |= 0xC0
    return bytes(changed[:121]) + bytes.fromhex(more) + row[121:]


#: The byte of the header in which flags say what follows it.
COUNTED_AT = 99
#: Two local days that left, and a hold: what version 1 wrote of a base 2 at stage 1, held until an instant.
MORE_OF_VERSION_1 = "02e34f0000e44f00001700" + "9e0201cf0000019ca6b1dc000000c0c290c0c200ffffff"


def test_a_row_of_version_1_says_what_it_said() -> None:
    state = decode(bytes.fromhex(GOLDEN))
    old = as_version_1(bytes.fromhex(GOLDEN))
    assert all_of(decode(old)) == all_of(state)
    state.gone_purchase_days = (20_451, 20_452)
    state.further = Further(2, 1, held_until=1_772_323_200_000)
    old = as_version_1(bytes.fromhex(GOLDEN), MORE_OF_VERSION_1)
    assert all_of(decode(old)) == all_of(state)
    assert (offset_of(old), next_due_of(old)) == (state.offset, state.next_due)
    assert encode(decode(old)) == encode(state)


def test_what_was_absorbed_before_merges_had_numbers_is_read_as_it_was() -> None:
    part = Part("eve", 1, b"", (), None, 0, 0, (), ("eve", "bob"), "told", ("ada",))
    own = Further(0, 0, absorbed=("eve", "ada"), parts=(part,), merge=Merge("dan", 1, 3, "told", 2))
    packed: list[Any] = msgpack.decode(encode_further(own))[:21]
    packed[18] = [each[:11] for each in packed[18]]
    packed[19] = packed[19][:5]
    again = decode_further(msgpack.encode(packed))
    assert (again.parts, again.merge, again.heard) == ((part,), own.merge, ())


@pytest.mark.parametrize("end", range(130, 154))
def test_a_row_of_version_1_cut_short_is_not_read(end: int) -> None:
    with pytest.raises(struct.error):
        decode(as_version_1(bytes.fromhex(GOLDEN), MORE_OF_VERSION_1)[:end])


def test_a_row_of_a_ledger_that_is_sealed_goes_on_where_it_was() -> None:
    story = Story(a_policy(seal=SealRules(16, 64), return_window_days=30))
    story.has(*[an_order(f"order-{n}", at=noon(n)) for n in range(90)], a_cancel("stub", at=noon(90)))
    again = Story(story.policy)
    again.state, again.position.offset = decode(encode(story.member)), story.position.offset
    assert story.member.sealed is not None
    assert story.member.sealed.forgotten_day > 0
    for each in story, again:
        each.has(an_order("stub", at=noon(90)), an_order("more", at=noon(99)))
    assert contents(story.member) == contents(again.member)
    assert encode(story.member) == encode(again.member)


@pytest.mark.parametrize("cut", [1, 17, 60])
def test_a_row_cut_short_is_not_read(cut: int) -> None:
    story = Story()
    story.has(an_order())
    with pytest.raises(struct.error):
        decode(encode(story.member)[:-cut])
