"""The bridge: takes jobs from a database's job table to a job server elsewhere, and writes back what came of them."""
