"""The rules by which members are scored: no input or output, no clock, no chance.

Entered through :mod:`scoring.engine`.
"""

from scoring.engine import APPLIED, DUPLICATE, Decision, Position, apply, fire
from scoring.errors import Refused
from scoring.state import MemberState

__all__ = ["APPLIED", "DUPLICATE", "Decision", "MemberState", "Position", "Refused", "apply", "fire"]
