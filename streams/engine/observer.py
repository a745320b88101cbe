"""What the engine tells about itself; the application turns it into metrics."""


class Observer:
    """Every method does nothing. All are called per cut, per fetch or per rebalance, never per record."""

    def cut_done(self, seconds: float, rows: int, partitions: int) -> None:
        """A cut was committed."""

    def recovered(self, records: int, remaining: int) -> None:
        """Changelog records were applied and so many are still to come."""

    def recovery(self, running: bool, seconds: float) -> None:
        """Recovery began, or ended after ``seconds``."""

    def regressed(self, rows: int) -> None:
        """Recovery met rows older than ones before them."""

    def stood_still(self, seconds: float) -> None:
        """The event loop woke so much later than it should have; ten times a second."""

    def rebalanced(self, partitions: int) -> None:
        """A new assignment took effect."""

    def partition_lag(self, topic: str, partition: int, records: int) -> None:
        """Records that wait in a partition, once per commit interval."""
