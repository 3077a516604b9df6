"""The files of TLS, read for a server and for a client alike, and descriptions of what is wrong with them.

Does not import `ssl`: the caller brings a context. Python 3.9 and later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl


def show(context: ssl.SSLContext, certificate: str, key: str | None) -> None:
    """Have the context show this certificate; without a key file the certificate's own holds it.

    Raises ConfigurationError, naming what is missing or wrong.
    """
    key = key or certificate
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except OSError as error:
        raise ConfigurationError(
            f"the certificate {certificate} with the key {key} cannot be used: {reason(error)}"
        ) from error


def trust(context: ssl.SSLContext, ca_file: str) -> None:
    """Have the context accept what these authorities signed. Raises ConfigurationError, as above."""
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:
        raise ConfigurationError(f"the authorities in {ca_file} cannot be used: {reason(error)}") from error


def reason(error: OSError) -> str:
    """Return the error text of OpenSSL, or of the system, about a file, a peer or a connection."""
    message: str = getattr(error, "verify_message", "")
    if message:
        return f"its certificate is not accepted ({message.rstrip('.')})"
    word: str | None = getattr(error, "reason", None)  # OpenSSL's, as WRONG_VERSION_NUMBER
    if word in _SAID:
        return _SAID[word]
    return word.lower().replace("_", " ") if word else error.strerror or str(error) or "the other side left"


_SAID = {
    "WRONG_VERSION_NUMBER": "it does not speak TLS",
    "UNEXPECTED_EOF_WHILE_READING": "it closed the connection instead of speaking TLS",
}


def _no_password() -> str:
    # OpenSSL would ask the terminal.
    raise ConfigurationError("the private key has a password; give one without a password, readable by its user only")
