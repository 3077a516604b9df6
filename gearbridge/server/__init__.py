"""The job server's shell: the only place with its sockets, its thread and its clocks."""
