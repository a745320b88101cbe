"""How a command ends: the exit codes, and the error that carries one."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of BSD's sysexits, so that scripts and supervisors can tell what to do next."""

    OK = 0
    USAGE = 64  # the command line is wrong
    DATA = 65  # the input has records that cannot be used, or a check found a difference
    NO_INPUT = 66  # a file or a member that was asked for does not exist
    UNAVAILABLE = 69  # Kafka, Redis or another part does not answer
    SOFTWARE = 70  # a defect of ours
    IO = 74  # a file could not be read or written
    TEMPORARY = 75  # try again later: something else has to happen first
    NO_PERMISSION = 77  # the broker or the operating system refused
    CONFIG = 78  # settings, policy, mapping or topics are wrong
    INTERRUPTED = 130  # Ctrl-C


class CommandError(Exception):
    """A command cannot go on, for a reason the person at the terminal can do something about.

    ``message`` says what was wrong; ``where``, ``allowed`` and ``remedy`` say where, what is allowed and what to do.
    ``main`` prints them to stderr and exits with ``code``.
    """

    def __init__(self, message: str, code: ExitCode, *, where: str = "", allowed: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.where = where
        self.allowed = allowed
        self.remedy = remedy

    def lines(self) -> list[str]:
        """The error as the lines to print, without colours."""
        told = (("where", self.where), ("allowed", self.allowed), ("what to do", self.remedy))
        return [f"error: {self.message}", *(f"  {label}: {text}" for label, text in told if text)]
