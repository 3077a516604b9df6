"""A load on any Gearman server, gearmand included, and what it measured."""
