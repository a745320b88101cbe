"""What the partition row says beside the position: the policy, the last tick and the log time as of it."""

import msgspec

from scoring.policy import Policy
from streams.policy_file import from_canonical


class PartitionProgress(msgspec.Struct, array_like=True):
    """What of a partition's state belongs to no member. Instants are epoch milliseconds, 0 before the first."""

    last_tick: int = 0
    log_time: int = 0
    policy_version: int = 0
    policy: bytes = b""

    def encode(self) -> bytes:
        """As MessagePack; fields are only ever added at the end."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def decode(cls, payload: bytes) -> "PartitionProgress":
        """The inverse of :meth:`encode`; also reads what an older version wrote."""
        return msgspec.msgpack.decode(payload, type=cls)

    def read_policy(self) -> Policy | None:
        """The policy in force, None before the first."""
        return from_canonical(self.policy).to_policy(self.policy_version) if self.policy else None
