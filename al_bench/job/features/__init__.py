"""Features in place of inputs: computed, kept, found again."""
