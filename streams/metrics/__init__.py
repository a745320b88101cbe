"""Every metric of every process: its name, its kind and what it means; a module for each part of the system.

Each class registers the metrics of one part in the registry it is given and keeps handles to them, with the label
values that are known beforehand already at zero. Hot code adds up per batch and calls a handle once. Units are base
units (seconds, records); instants are Unix timestamps in seconds, never ages. No label carries a member's id. The
modules import nothing else of the project. ``docs/operations.md`` lists the metrics for operators.
"""
