"""Other job queues in PostgreSQL, each at the settings at which it is fastest, to be measured beside gearbridge."""
