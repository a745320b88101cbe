"""One module per contender: what it is, how its process is started, where it leaves its results."""
