"""Ingest: upstream topics of any JSON shape in, canonical events on ``member-events`` out. One process of the group
``ingest``.
"""
