"""The projection: member-scores in Redis, where checkout looks members up."""
