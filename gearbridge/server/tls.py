"""The server's side of TLS: certificates become a context. It knows files, and no socket."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError
from gearbridge.tls_files import show, trust

if TYPE_CHECKING:
    from .config import ServerConfig

#: Whether clients show a certificate: they are not asked, they may leave it out, they must have one.
CLIENT_CERTIFICATES = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def server_context(config: ServerConfig) -> ssl.SSLContext | None:
    """Make the context for handshakes from the files as they are now; None where no certificate is configured.

    TLS 1.2 and later. Raises ConfigurationError, naming the file that is missing or wrong.
    """
    if not config.ssl_certificate:
        if config.ssl_client_certificate != "none":
            raise ConfigurationError("--ssl-client-certificate needs --ssl")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    show(context, config.ssl_certificate, config.ssl_key)
    if config.ssl_ca_file:
        trust(context, config.ssl_ca_file)
    elif config.ssl_client_certificate != "none":
        raise ConfigurationError("--ssl-client-certificate needs --ssl-ca-file, the CA that must have signed them")
    context.verify_mode = CLIENT_CERTIFICATES[config.ssl_client_certificate]
    return context
