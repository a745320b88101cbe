"""Who may do what: API keys, tokens, scopes, shops and rates, for whatever serves HTTP."""
