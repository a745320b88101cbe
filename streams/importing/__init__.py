"""History into the log: rows of files become canonical events in the order of their time, with the ticks of that time
between them.
"""
