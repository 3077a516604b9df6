"""One outstanding store operation at a time, for each owner of a journal: the job server and the bridge."""
