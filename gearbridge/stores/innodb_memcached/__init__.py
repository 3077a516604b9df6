"""Jobs in an InnoDB table behind MySQL's memcached plugin."""
