"""The job server as a pure object: packets in, bytes out. No socket, thread, clock or randomness in here."""
