"""A server or a bridge over HTTP: metrics, health, a JSON API, a page. They read it through `monitor.Monitor`."""
