"""Letting the bulk of the work yield to what somebody waits for, as a machine is set up (docs/operations.md).

It needs no rights: whoever started a process may make it yield, though not the other way round.
"""

import os
import time
from pathlib import Path
from typing import Final

#: A tenth of the processor time of a process that wants as much and does not yield.
NICE: Final = 10
#: Linux lets nobody but root change two sessions in quicker succession (sched(7)); in seconds.
_BETWEEN_S: Final = 0.1


def yield_processor(pid: int) -> None:
    """Let every thread of a process group yield, and its session where Linux shares the processor by sessions."""
    os.setpriority(os.PRIO_PGRP, os.getpgid(pid), NICE)
    session = Path(f"/proc/{pid}/autogroup")
    if session.exists():
        try:
            session.write_text(str(NICE))
        except BlockingIOError:
            time.sleep(_BETWEEN_S)
            session.write_text(str(NICE))
