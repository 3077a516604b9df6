"""Changing the process's user.

The messages are gearmand's; scripts that start it may look for them."""

from __future__ import annotations

import os
import pwd

from gearbridge.errors import ConfigurationError


def user_to_become(name: str) -> pwd.struct_passwd:
    """The user of this name. Raises ConfigurationError when this process cannot become it."""
    if os.geteuid() != 0:
        raise ConfigurationError("Must be root to switch users.")
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise ConfigurationError(f"Could not find user : {name}") from None


def switch_user(name: str) -> None:
    """Become this user, with its group and no other, for good. Raises ConfigurationError when that cannot be."""
    user = user_to_become(name)
    try:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    except OSError as error:
        raise ConfigurationError(f"Could not switch to user : {name}") from error
