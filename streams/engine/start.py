"""Where a partition's reading starts after recovery, and when it must not start at all."""

from streams.engine.partition import PartitionRow


class StartRefused(Exception):
    """The log, the committed offset and the remembered state contradict each other; reading on would lose or repeat
    silently.
    """


def start_offset(
    name: str,
    *,
    remembers: bool,
    committed: int | None,
    row: PartitionRow | None,
    partitions: int,
    begin: int,
    end: int,
) -> int:
    """The source offset to read first.

    ``remembers`` tells whether the application has rows at all; ``committed`` is the group's offset, ``row`` the
    partition row
    restored from the changelog, ``begin`` and ``end`` the log's first offset and the one after its last.
    Raises :class:`StartRefused` with what to do.
    """
    if row is not None and row.partitions != partitions:
        raise StartRefused(
            f"{name}: the state was written for {row.partitions} partitions and the topic now has {partitions}. A "
            "member's key would be looked for on another partition. Restore the partition count, or rebuild the "
            "history into a new topic with a new topic prefix."
        )
    if remembers and committed is not None and row is None:
        raise StartRefused(
            f"{name}: offset {committed} is committed but the changelog holds no partition row, so the state before it "
            "is lost. Restore the changelog topic, or delete the consumer group's offsets to rebuild the state from "
            "the log's beginning."
        )
    # The row decides, even where less is committed (a crash between remembering and committing): it holds the effects
    # of every record below its position, and the log time and last tick that it restores would judge these records
    # differently a second time.
    start = row.position if row is not None else begin if committed is None else committed
    if not begin <= start <= end:
        raise StartRefused(
            f"{name}: reading must go on at offset {start} but the log holds {begin} to {end}. Records between were "
            "deleted (retention, DeleteRecords) or the topic was created anew. Restore the topic, or start over with a "
            "new topic prefix."
        )
    return start
