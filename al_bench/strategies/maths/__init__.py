"""Mathematics that strategies share."""
