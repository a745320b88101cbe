"""What the partition row says beside the position: the policy, the cuts, the last tick and the log time as of it."""

from typing import Final

import msgspec

from scoring.policy import Policy
from streams.cuts_document import with_cuts
from streams.policy_file import from_canonical

#: Instead of a local day: earlier than every one that can occur.
NO_CENSUS: Final = -(1 << 30)


class PartitionProgress(msgspec.Struct, array_like=True):
    """What of a partition's state belongs to no member. Instants are epoch milliseconds, 0 before the first.

    ``cuts`` are those in force, with their date (:class:`streams.cuts_document.DatedCuts`); empty before the first.
    ``census_day`` is the local day of the latest census.
    """

    last_tick: int = 0
    log_time: int = 0
    policy_version: int = 0
    policy: bytes = b""
    cuts: bytes = b""
    census_day: int = NO_CENSUS

    def encode(self) -> bytes:
        """As MessagePack; fields are only ever added at the end."""
        return msgspec.msgpack.encode(self)

    def copied(self) -> "PartitionProgress":
        """As it is now."""
        return PartitionProgress(
            self.last_tick, self.log_time, self.policy_version, self.policy, self.cuts, self.census_day
        )

    @classmethod
    def decode(cls, payload: bytes) -> "PartitionProgress":
        """The inverse of :meth:`encode`; also reads what an older version wrote."""
        return msgspec.msgpack.decode(payload, type=cls)

    def read_policy(self) -> Policy | None:
        """The policy in force under the cuts in force, None before the first policy."""
        if not self.policy:
            return None
        return under_cuts(from_canonical(self.policy).to_policy(self.policy_version), self.cuts)


def under_cuts(policy: Policy, cuts: bytes) -> Policy:
    """The policy with a partition's cuts, as :class:`PartitionProgress` has them."""
    return with_cuts(policy, cuts) if cuts else policy
