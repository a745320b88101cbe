"""The scorer: member events in, outcomes and scores out. One process of the group ``score``."""
