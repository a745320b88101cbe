"""The cuts of a day: what every partition counts, merged and published once."""
