"""Jobs in memcached."""
