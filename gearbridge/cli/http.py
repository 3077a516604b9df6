"""The options of what is served over HTTP, the same for every command that serves it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gearbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gearbridge.dashboard.serving import HttpConfig

#: What http_options adds, as the names that the function gets.
_NAMES = ("http", "http_token", "http_token_file", "http_certificate", "http_key", "http_client_ca")


def http_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --http and what belongs to it; hand the function's options to `http_config`."""
    file = click.Path(dir_okay=False)
    for option in reversed(
        (
            click.option(
                "--http",
                metavar="HOST:PORT",
                help="Serve the dashboard, /metrics, /healthz, /readyz and a JSON API here; off by default. Anything "
                "but loopback needs a token or a client CA.",
            ),
            click.option(
                "--http-token",
                metavar="TOKEN",
                help="Token that --http demands, as a bearer token or as a browser's password. Other users can read "
                "command lines: prefer this option's environment variable, or --http-token-file.",
            ),
            click.option("--http-token-file", type=file, metavar="FILE", help="A file that holds the token."),
            click.option(
                "--http-certificate", type=file, metavar="FILE", help="Serve --http over TLS, with this (PEM)."
            ),
            click.option(
                "--http-key",
                type=file,
                metavar="FILE",
                help="Private key of that certificate (PEM), if it is in a separate file.",
            ),
            click.option(
                "--http-client-ca",
                type=file,
                metavar="FILE",
                help="Demand client certificates signed by one of these CAs (PEM).",
            ),
        )
    ):
        command = option(command)
    return command


def http_config(options: dict[str, Any]) -> HttpConfig | None:
    """Take the options of `http_options` out; None without --http. Raises ConfigurationError."""
    address, token, token_file, certificate, key, client_ca = (options.pop(name) for name in _NAMES)
    if address is None:
        return None
    # Only here, so that a server without --http neither loads nor needs any of it.
    from gearbridge.dashboard.serving import HttpConfig, read_address  # noqa: PLC0415

    if token_file is not None:
        if token is not None:
            raise ConfigurationError("give --http-token or --http-token-file, not both")
        try:
            token = Path(token_file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigurationError(f"the file of --http-token-file cannot be read: {error}") from error
    if token == "":
        raise ConfigurationError("the token of --http is empty")
    host, port = read_address(address)
    config = HttpConfig(host, port, token, certificate or "", key or "", client_ca or "")
    config.check()
    return config
