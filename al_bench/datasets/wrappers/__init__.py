"""What can be done to the pool of any data set: a file for each key of `records.run_config.WRAPPERS`, in its order.

Each is a class of that name, built from what stands below its key; called with a data set and random numbers, it gives
the data set with another pool. Inputs are only taken (`Examples.take`), never looked at.
"""
