"""The batch paths that replace Faust's: delivery, remembering and recovery. Knows nothing of members or rules.

``docs/delivery.md`` explains the protocol and argues for its exactness.
"""
