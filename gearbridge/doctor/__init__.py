"""Whether all works that must: one finding per thing, with what to do where it does not. It changes nothing."""
