"""The nouns that every other module uses: lifecycle stages, reasons, instants."""

from typing import Final

#: Milliseconds in a day of 24 hours. Local days can be shorter or longer; see :mod:`scoring.calendar`.
DAY_MS: Final = 86_400_000
#: How far an event may lie after its log time before it is quarantined, in milliseconds (design, section 5).
FUTURE_ALLOWANCE_MS: Final = 600_000
#: A quiet alert later than this after its due instant is marked as caught up, in milliseconds.
CATCH_UP_AFTER_MS: Final = 3_600_000
#: How many ids of non-order events a member remembers, to drop repeats.
REMEMBERED_EVENT_IDS: Final = 16

#: Lifecycle stages, from not started to quietest. A member's row stores the index.
STAGES: Final = ("prospect", "new", "active", "near_churn", "recently_lapsed", "mid_lapsed", "dormant")
PROSPECT: Final = 0
NEW: Final = 1
ACTIVE: Final = 2
NEAR_CHURN: Final = 3
RECENTLY_LAPSED: Final = 4
MID_LAPSED: Final = 5
DORMANT: Final = 6
