"""gearmand's command line, of both its versions, in front of our server."""
