"""The demonstration: real orders, played through the whole system and then checked."""
