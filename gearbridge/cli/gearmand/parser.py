"""Reading options exactly as gearmand does, its errors included. It knows the table of options, and no meaning of any.

gearmand's reader is boost's program_options without abbreviations: `--name=value`, `--name value`, `-nvalue`,
`-n value`, flags in one word (`-dR`), nothing twice, nothing without a name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError

from .options import BY_NAME, BY_SHORT, FLAG, NUMBER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .options import Option

    Values = dict[str, str | int | bool]

_NUMBER = re.compile(r"[+-]?\d{1,18}")


def parse(words: Sequence[str]) -> Values:
    """The options given, by name. Raises ConfigurationError with gearmand's text."""
    values: Values = {}
    for option, text in _Words(words).options():
        if option.name in values:
            raise ConfigurationError(f"option '--{option.name}' cannot be specified more than once")
        values[option.name] = True if option.kind == FLAG else read_value(option, text)
    return values


def parse_file(text: str) -> tuple[Values, list[str]]:
    """The options in a configuration file, and the words in it that are none.

    Words are parted by spaces and line ends, without quoting. gearmand passes over words that are no options in
    silence; here they are returned, to be logged. It takes abbreviations in the file; here names are whole.
    """
    kept: list[str] = []
    stray: list[str] = []
    expects_value = False
    for word in re.split(r"[ \n\r]+", text.strip(" \n\r")):
        if not word:
            continue
        if word.startswith("-") or expects_value:
            kept.append(word)
        else:
            stray.append(word)
        option = _whole_option(word)
        expects_value = not expects_value and option is not None and option.kind != FLAG
    return parse(kept), stray


def read_value(option: Option, text: str) -> str | int:
    """The value of an option from its text. Raises ConfigurationError."""
    if option.kind != NUMBER:
        return text
    if not _NUMBER.fullmatch(text):
        raise ConfigurationError(f"the argument ('{text}') for option '--{option.name}' is invalid")
    return int(text)


def _whole_option(word: str) -> Option | None:
    """The option that a word names and nothing more: its value is the next word."""
    if word.startswith("--"):
        return BY_NAME.get(word[2:])
    return BY_SHORT.get(word[1:]) if word.startswith("-") else None


class _Words:
    """A command line, read from left to right. What is wrong with its form comes before what is wrong with a value."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._next = 0

    def options(self) -> list[tuple[Option, str]]:
        found: list[tuple[Option, str]] = []
        while self._next < len(self._words):
            word = self._words[self._next]
            self._next += 1
            if word == "--":
                if self._next < len(self._words):
                    raise _unrecognised(self._words[self._next])
                break
            if word.startswith("--"):
                found.append(self._long(word))
            elif word.startswith("-") and len(word) > 1:
                found += self._short(word)
            else:
                raise _unrecognised(word)
        return found

    def _long(self, word: str) -> tuple[Option, str]:
        name, equals, text = word[2:].partition("=")
        option = BY_NAME.get(name)
        if option is None:
            raise _unrecognised(word)
        if equals and not text:
            raise ConfigurationError(
                f"the argument for option '--{name}' should follow immediately after the equal sign"
            )
        if option.kind == FLAG:
            if equals:
                raise ConfigurationError(f"option '--{name}' does not take any arguments")
            return option, ""
        return option, text if equals else self._value(option)

    def _short(self, word: str) -> list[tuple[Option, str]]:
        found: list[tuple[Option, str]] = []
        for index, letter in enumerate(word[1:], 2):
            option = BY_SHORT.get(letter)
            if option is None:
                raise _unrecognised(word)
            if option.kind != FLAG:
                return [*found, (option, word[index:] or self._value(option))]
            found.append((option, ""))
        return found

    def _value(self, option: Option) -> str:
        """The next word, whatever it looks like, unless it is a short option."""
        if self._next < len(self._words):
            word = self._words[self._next]
            if not (word.startswith("-") and word[1:] in BY_SHORT):
                self._next += 1
                return word
        raise ConfigurationError(f"the required argument for option '--{option.name}' is missing")


def _unrecognised(word: str) -> ConfigurationError:
    return ConfigurationError(f"unrecognised option '{word}'" if word else "unrecognised option")
