"""The whole base as it is remembered now, partition by partition, under another policy."""

from collections.abc import Callable
from dataclasses import dataclass

from msgspec import structs

from scoring.policy import Policy
from streams.changelog import PartitionMemory, changelog_spans, read_partition, standing_of
from streams.config import Settings
from streams.exits import CommandError, ExitCode
from streams.log_reading import log_consumer, missing_topic
from streams.policy_file import PolicyDocument, from_canonical
from streams.preview.record import policy_control
from streams.preview.replay import OnMove, Replay, replay, started
from streams.scorer.progress import PartitionProgress

#: Called with how many steps more are done; a step is a record read or a member judged.
Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the policy ``new`` would do to the members of now, who are under ``in_force`` (its published version)."""

    in_force: PolicyDocument
    in_force_version: int
    new: PolicyDocument
    found: Replay


class Base:
    """The remembered base of one deployment: the policy that all its partitions are under, and their members.

    Raises :class:`CommandError` when there is nothing to judge yet, or when a change of policy is on its way, so that
    no policy is in force everywhere.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        with log_consumer(settings) as consumer:
            self._spans = changelog_spans(settings, consumer)
            standings = [standing_of(settings, consumer, number) for number in self._spans]
        if not standings:
            raise missing_topic(settings, settings.changelog_topic)
        known = [each.progress for each in standings if each is not None]
        if len(known) < len(standings) or not all(each.policy for each in known):
            raise _not_yet("the scorer has not remembered every partition yet")
        self.version = known[0].policy_version
        self.policy = known[0].policy
        if any(each.policy != self.policy for each in known):
            raise _not_yet("a change of policy is being taken up: not every partition is under the same policy yet")
        self.document = from_canonical(self.policy)
        if self.document.content_hash in policy_control(settings).successors:
            raise _not_yet("another policy was published and is being taken up")

    @property
    def steps(self) -> int:
        """How much is to be done: every record of the changelog is read, and nearly as many members are judged."""
        return 2 * sum(span.end - span.begin for span in self._spans.values())

    def under(self, new: PolicyDocument, shown: int, on_move: OnMove, advance: Advance) -> Preview:
        """Every member under another policy. One partition at a time is in memory; ``shown`` as in ``started``.

        Raises:
            CommandError: the currency or the time zone differs, or the policy in force changed meanwhile.
        """
        refuse_other_money_or_days(self.document, new)
        found = started(new.to_policy(), shown)
        with log_consumer(self._settings) as consumer:
            for number, span in self._spans.items():
                partition = read_partition(self._settings, consumer, span, number, advance)
                if partition is None or partition.progress.policy != self.policy:
                    raise _not_yet("another policy came into force while members were read")
                judge(partition, new, found, on_move, advance)
                advance(max(2 * (span.end - span.begin) - partition.records - len(partition.rows), 0))
        return Preview(in_force=self.document, in_force_version=self.version, new=new, found=found)


def judge(partition: PartitionMemory, new: PolicyDocument, found: Replay, on_move: OnMove, advance: Advance) -> None:
    """Add one partition's members to a preview."""
    before = partition.progress.read_policy()
    assert before is not None, "a partition without a policy has no members"
    after = _as_taken(partition.progress, new)
    turned_round = None
    if after.holds is not None:
        turned_round = _as_taken(partition.progress, new)
        assert turned_round.holds is not None
        turned_round.holds.kept_on_change = not after.holds.kept_on_change
    replay(partition, before, after, turned_round, found, on_move, advance)


def refuse_other_money_or_days(in_force: PolicyDocument, new: PolicyDocument) -> None:
    """Raise for a policy that the log would refuse: remembered amounts and days cannot be cut anew."""
    for name, old, other in (
        ("currency", in_force.currency, new.currency),
        ("time_zone", in_force.time_zone, new.time_zone),
    ):
        if old != other:
            raise CommandError(
                f"a policy in force cannot be followed by one with another {name}",
                ExitCode.CONFIG,
                where=f"{name} = {other}",
                allowed=f"{old}, as in the policy in force",
                remedy="rebuild the history under the other policy into topics with another kafka.topic_prefix",
            )


def _as_taken(progress: PartitionProgress, new: PolicyDocument) -> Policy:
    """The new policy as the partition would use it: cuts in force stay in force."""
    taken = structs.replace(progress, policy_version=new.version, policy=new.canonical()).read_policy()
    assert taken is not None, "it has the new policy"
    return taken


def _not_yet(what: str) -> CommandError:
    return CommandError(
        what,
        ExitCode.TEMPORARY,
        remedy="see 'memberpulse lag'; try again when the scorer has caught up, and finish what was published with "
        "'memberpulse policy publish --continue'",
    )
