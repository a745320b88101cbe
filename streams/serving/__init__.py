"""HTTP: members' scores at the till, previews of baskets, and what else is asked or told over HTTP."""
