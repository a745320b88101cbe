"""The verbs of the command ``memberpulse``, one module each; ``streams.__main__`` joins them."""
