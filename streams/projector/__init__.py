"""The projection: member-scores in Redis, where checkout looks members up."""

from streams.projector.process import run

__all__ = ["run"]
