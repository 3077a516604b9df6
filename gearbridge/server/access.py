"""Which addresses may do what: reading of the lists that an operator writes."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from gearbridge.core.settings import Network

#: The word for an empty list.
NOBODY = "none"


def networks(text: str) -> tuple[Network, ...] | None:
    """Read "127.0.0.1,10.0.0.0/8"; "none" is an empty list, and an empty text allows every address: None.

    Raises ConfigurationError, naming what is no address and no network.
    """
    items = [item.strip() for item in text.split(",")]
    if not any(items):
        return None
    if items == [NOBODY]:
        return ()
    found = []
    for item in filter(None, items):
        try:
            found.append(ip_network(item))
        except ValueError as error:
            raise ConfigurationError(f"{error}; write ADDRESS or NETWORK/BITS, several with commas, or none") from error
    return tuple(found)
