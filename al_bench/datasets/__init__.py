"""Data sets: one file each, found through `_target_` in conf/dataset."""
