"""What the common job reads of an order. Apart from what counts it: that is compiled, and the compiler does not take
msgspec's class keywords.
"""

from typing import Final

import msgspec


class Paid(msgspec.Struct, gc=False):
    """Minor units, and the instant as it was written."""

    net_amount: int
    occurred_at: str


decode_paid: Final = msgspec.json.Decoder(Paid).decode
