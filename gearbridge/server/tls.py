"""The server's side of TLS: certificates become a context. It knows files, and no socket."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from .config import ServerConfig

#: Whether clients show a certificate: they are not asked, they may leave it out, they must have one.
CLIENT_CERTIFICATES = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def server_context(config: ServerConfig) -> ssl.SSLContext | None:
    """What handshakes are done with, from the files as they are now; None where no certificate is configured.

    TLS 1.2 and later. Raises ConfigurationError, naming the file that is missing or wrong.
    """
    if not config.ssl_certificate:
        if config.ssl_client_certificate != "none":
            raise ConfigurationError("clients can be asked for certificates only where --ssl is on")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    key = config.ssl_key or config.ssl_certificate  # one file may hold both
    try:
        context.load_cert_chain(config.ssl_certificate, key, password=_no_password)
    except OSError as error:
        raise _unusable(f"the certificate {config.ssl_certificate} with the key {key}", error) from error
    if config.ssl_ca_file:
        try:
            context.load_verify_locations(config.ssl_ca_file)
        except OSError as error:
            raise _unusable(f"the certificates in {config.ssl_ca_file}", error) from error
    elif config.ssl_client_certificate != "none":
        raise ConfigurationError("clients' certificates need --ssl-ca-file: whose signature counts")
    context.verify_mode = CLIENT_CERTIFICATES[config.ssl_client_certificate]
    return context


def reason(error: OSError) -> str:
    """What OpenSSL, or the system, has against a file or a handshake, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted ({error.verify_message})"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return error.strerror or str(error) or "it left"


def _unusable(what: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"{what} cannot be used: {reason(error)}")


def _no_password() -> str:
    # OpenSSL would ask the terminal, and a server has none.
    raise ConfigurationError(
        "the key is locked with a password; give one without, that only the server's user can read"
    )
