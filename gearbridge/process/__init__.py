"""What any daemon needs of the system: event loop, log, signals, pid file, sockets, memory. Knows no jobs."""
