"""What would another policy do to the members of now? Their remembered states, judged by the scorer's own rules."""
