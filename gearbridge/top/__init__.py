"""What `gearbridge top` shows: figures of the admin protocol, so of gearmand too, as a screen of text."""
