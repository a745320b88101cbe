"""Which of two scores is newer, without Redis."""

import pytest

from streams.projector.versions import DELETE_ALWAYS, UnusableScoreError, score_of, stored_form, version_text

IN_ORDER = [(1, 0), (1, 9), (1, 10), (1, 2**62), (2, 0), (9, 1), (10, 0), (2**31, 5)]


def test_versions_compare_as_text_the_way_epoch_and_offset_compare() -> None:
    texts = [version_text(epoch, offset) for epoch, offset in IN_ORDER]
    assert texts == sorted(texts)
    assert len(set(texts)) == len(IN_ORDER)
    assert {len(text) for text in texts} == {30}


def test_a_score_is_stored_byte_for_byte_behind_its_version() -> None:
    value = b'{"member_id":"m1","tier":"gold","epoch":3,"offset":42}'
    stored = stored_form(value, ())
    assert stored == version_text(3, 42) + b" " + value
    assert score_of(stored) == value


def test_a_deletion_with_a_version_leaves_the_bare_version() -> None:
    stored = stored_form(None, [("epoch", b"3"), ("offset", b"42")])
    assert stored == version_text(3, 42)
    assert score_of(stored) is None


def test_a_deletion_without_a_version_always_deletes() -> None:
    assert stored_form(None, []) == DELETE_ALWAYS
    assert score_of(DELETE_ALWAYS) is None


def test_an_unknown_member_has_no_score() -> None:
    assert score_of(None) is None


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"{}", b'{"epoch":1}', b'{"epoch":1,"offset":"2"}', b"\xff\xfe"])
def test_what_is_no_score_is_refused_in_words(value: bytes) -> None:
    with pytest.raises(UnusableScoreError, match=r"\w"):
        stored_form(value, ())


def test_a_deletion_with_a_version_that_is_no_number_is_refused() -> None:
    with pytest.raises(UnusableScoreError, match="soon"):
        stored_form(None, [("epoch", b"soon"), ("offset", b"1")])
