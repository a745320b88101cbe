"""How was this Python built, and how fast is it in what a scorer in pure Python does?

Where the compiler had no profile of the interpreter to go by (PGO), jumps, calls and numbers are as fast, but text,
dicts and new objects are slower by a quarter and more. What sysconfig knows is how ``configure`` was called; a
distribution such as Debian uses a profile by other means, which leave no trace. So the page has the time of a fixed
piece of work too.
"""

import platform
import sysconfig
from struct import Struct
from time import process_time
from typing import Final

_STEPS: Final = 20_000
_MEMBERS: Final = 5_003
_ROUNDS: Final = 7
_ROW: Final = Struct("<qqqB")


def interpreter() -> str:
    """Name, version, compiler, how it was configured, and the time of a piece of work."""
    configured = sysconfig.get_config_var("CONFIG_ARGS") or ""
    how = "" if "--enable-optimizations" in configured else "out"
    return (
        f"{platform.python_implementation()} {platform.python_version()} ({platform.python_compiler()}), configured "
        f"with{how} --enable-optimizations; a little order in pure Python takes it {order_microseconds():.2f} µs"
    )


def order_microseconds() -> float:
    """Processor time of a key read, a row found, unpacked and packed again, and a text written; the best of seven."""
    return min(_once() for _ in range(_ROUNDS)) / _STEPS * 1e6


def _once() -> float:
    rows: dict[bytes, bytes] = {}
    told: list[tuple[str, str]] = []
    begin = process_time()
    for number in range(_STEPS):
        key = b"m-%07d" % (number * 7_919 % _MEMBERS)
        row = rows.get(key)
        count, spent, _, tier = (0, 0, 0, 0) if row is None else _ROW.unpack(row)
        spent += number & 127
        rows[key] = _ROW.pack(count + 1, spent, number, tier)
        member = key.decode().partition("-")[2]
        told.append((member, f'{{"member_id":"{member}","monetary":{spent}}}'))
    return process_time() - begin
