"""environment.json: where each start of a run comes from, read (`told`) and written (`noted`)."""
