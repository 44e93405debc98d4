"""Features: fixed functions of the inputs, a file each, found by `_target_`; the inputs themselves by default."""
