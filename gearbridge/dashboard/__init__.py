"""Seeing a server, or a bridge, over HTTP: metrics, health, a JSON API, a page. What it shows is behind `seen.Seen`."""
