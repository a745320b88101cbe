"""May this policy follow the one in force, and what is left to be done for it? Decided without a broker."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from streams.exits import CommandError, ExitCode
from streams.policy_file import PolicyDocument
from streams.preview.reading import refuse_other_money_or_days
from streams.preview.record import PreviewRecord, PublishedRecord
from streams.topics import DAY_MS

#: A preview is of no use when time has gone on by more than this, in milliseconds of the log's own ticks.
PREVIEW_GOOD_FOR_MS: Final = DAY_MS


class LogStanding(NamedTuple):
    """One partition: the policy that its log has come to, and whether every member is under it.

    ``last_tick`` is the latest tick in the log (epoch ms, 0 without one), ``document`` None where no policy was ever
    published.
    """

    number: int
    document: PolicyDocument | None
    version: int
    last_tick: int
    taken_up: bool

    @property
    def content_hash(self) -> str:
        """Of the policy; empty without one."""
        return "" if self.document is None else self.document.content_hash


class Done(NamedTuple):
    """The policy is in every partition; ``sweeping`` are those whose members are not all under it yet."""

    sweeping: list[int]


class Publish(NamedTuple):
    """The policy is to follow the one with the hash ``follows``; ``missing`` are the partitions without it.

    ``begun``: it is on the control topic already, and was judged when it was written there.
    """

    follows: str
    missing: list[int]
    begun: bool


def next_step(
    new: PolicyDocument,
    standings: Sequence[LogStanding],
    successors: Mapping[str, PublishedRecord],
    preview: PreviewRecord | None,
    max_share: float,
    *,
    accepted: bool,
) -> Done | Publish:
    """What publishing ``new`` means now.

    ``max_share`` is the fraction of members that may move to another tier unless the change is ``accepted``.

    Raises:
        CommandError: it must not be published, or not yet.
    """
    without = [each.number for each in standings if each.document is None]
    if without or not standings:
        raise CommandError(
            "the log has no policy to be followed",
            ExitCode.CONFIG,
            where=f"partitions {_listed(without)}",
            remedy="'memberpulse topics apply' publishes the first one, that of the setting score.policy",
        )
    missing = [each for each in standings if each.content_hash != new.content_hash]
    if not missing:
        return Done([each.number for each in standings if not each.taken_up])
    hashes = {each.content_hash for each in missing}
    if len(hashes) > 1:
        raise _under_way(standings)
    old = missing[0]
    assert old.document is not None
    begun = successors.get(old.content_hash)
    if begun is not None and begun.content_hash == new.content_hash:
        return Publish(old.content_hash, [each.number for each in missing], begun=True)
    if begun is not None or len(missing) < len(standings):
        raise _under_way(standings, begun)
    if new.version <= old.version:
        raise CommandError(
            f"version {new.version} is not higher than version {old.version}, which is in force",
            ExitCode.CONFIG,
            where=f"version = {new.version}",
            allowed=f"{old.version + 1} or more",
            remedy="raise the version: outcomes name it, and it tells apart what was decided by which policy",
        )
    refuse_other_money_or_days(old.document, new)
    _refuse_unseen(old, standings, preview)
    assert preview is not None
    if preview.share_moved > max_share and not accepted:
        raise CommandError(
            f"{preview.moved:,} of {preview.members:,} members would be in another tier "
            f"({100 * preview.share_moved:.1f} %), {preview.promises_lost:,} of them lose theirs before its time is "
            "over",
            ExitCode.DATA,
            where="the preview on record",
            allowed=f"{100 * max_share:g} % (--max-share)",
            remedy="look at 'memberpulse policy preview' again, and say --accept when this is what is meant",
        )
    return Publish(old.content_hash, [each.number for each in standings], begun=False)


def unfinished(standings: Sequence[LogStanding], successors: Mapping[str, PublishedRecord]) -> PublishedRecord | None:
    """The policy on the control topic that some partition has not been given yet; None when there is none."""
    for each in standings:
        found = successors.get(each.content_hash)
        if found is not None:
            return found
    return None


def _refuse_unseen(old: LogStanding, standings: Sequence[LogStanding], preview: PreviewRecord | None) -> None:
    remedy = "run 'memberpulse policy preview' with the same file, look at it, and publish then"
    if preview is None:
        raise CommandError(
            "nobody has looked at what this policy does: there is no preview of it", ExitCode.TEMPORARY, remedy=remedy
        )
    if preview.against != old.content_hash:
        raise CommandError(
            f"the preview was made when version {preview.against_version} was in force; now it is {old.version}",
            ExitCode.TEMPORARY,
            remedy=remedy,
        )
    for each in standings:
        behind = each.last_tick - preview.last_ticks.get(str(each.number), 0)
        if behind > PREVIEW_GOOD_FOR_MS:
            raise CommandError(
                f"the preview is {behind / PREVIEW_GOOD_FOR_MS:.1f} days older than the log: members have moved since",
                ExitCode.TEMPORARY,
                where=f"partition {each.number}",
                allowed="at most a day between the last tick of the preview and that of the log",
                remedy=remedy,
            )


def _under_way(standings: Sequence[LogStanding], begun: PublishedRecord | None = None) -> CommandError:
    versions: dict[int, list[int]] = {}
    for each in standings:
        versions.setdefault(each.version, []).append(each.number)
    found = "; ".join(f"version {version} in partitions {_listed(of)}" for version, of in sorted(versions.items()))
    what = "another policy" if begun is None else f"another policy, version {begun.version},"
    return CommandError(
        f"{what} was published and has not reached every partition",
        ExitCode.TEMPORARY,
        where=found,
        remedy="'memberpulse policy publish --continue' finishes that; then preview yours against it",
    )


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
