"""Published outcomes in the words of the golden cases."""

from collections.abc import Iterable, Mapping
from typing import Any

from tests.oracle.golden import action_line, in_order_of_members, line_of


def published_in_words(bodies: Iterable[Mapping[str, Any]]) -> list[str]:
    """Outcomes as the file has them, those of m first. A member may have a number behind the name: ``t-17`` is t."""
    return in_order_of_members(_in_words(body) for body in bodies)


def _in_words(body: Mapping[str, Any]) -> str:
    superseded = body.get("superseded")
    words = [(name, _name(body.get(field))) for name, field in _WORDS]
    return line_of(
        at=_instant(body["at"]),
        kind=body["kind"],
        way=(_name(body["from"]), _name(body["to"])),
        reason=body["reason"],
        due=_instant(body["due_at"]),
        held=_instant(body.get("held_until")),
        superseded=superseded and (superseded["kind"], _instant(superseded["at"])),
        words=words,
        action=_action(body),
        provisional=body.get("provisional") is True,
        late=body["catch_up"],
        member=body["member_id"].partition("-")[0],
    )


def _action(body: Mapping[str, Any]) -> str:
    if "holdout" not in body:
        return ""
    given, withheld, reason = body["action"], body["action_withheld"], body["no_action_reason"]
    assert bool(given) is (reason is None)
    assert bool(withheld) is (reason == "holdout")
    assert not given or not body["holdout"]
    action = given or withheld or {"offer": "", "valid_until": ""}
    verb = "offers" if given else "withholds"
    return action_line(action["offer"], _instant(action["valid_until"]), verb, reason or "")


_WORDS = (("detail", "detail"), ("would be", "would_be"), ("now", "now"), ("by", "moved_by"))


def _name(said: Any) -> str:
    return str(said["name"]) if isinstance(said, Mapping) else said or ""


def _instant(text: str | None) -> str:
    return (text or "").replace(".000Z", "Z")
