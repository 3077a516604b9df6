"""URLs that name several hosts: what is read of them, and what is shown."""

from __future__ import annotations

import pytest

from gearbridge.errors import ConfigurationError
from gearbridge.stores.database.urls import database_url, hosts_of
from gearbridge.stores.registry import store_for


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://me:secret@a:1,b:2/shop", ["a:1", "b:2"]),
        ("postgresql://a,b:2,c/shop", ["a", "b:2", "c"]),
        ("postgres://me@[::1]:1,[fe80::2]/shop", ["[::1]:1", "[fe80::2]"]),
        ("postgresql+psycopg://me:se%40cret@a:1,b:2", ["a:1", "b:2"]),
        ("postgresql://%2Frun%2Fa,%2Frun%2Fb/shop", ["/run/a", "/run/b"]),
        ("mysql://me:secret@a:1,b/shop?charset=utf8mb4", ["a:1", "b"]),
        ("mysql://me@/shop?host=a:1&host=b:2", ["a:1", "b:2"]),
        ("postgresql:///shop?host=a,b&port=5", ["a:5", "b:5"]),
        ("postgresql://me:se,cret@a:1/shop", []),
        ("postgresql://me:se,cr/et@a:1/shop", []),
        ("postgresql:///shop", []),
        ("sqlite:///a,b.db", []),
    ],
)
def test_the_hosts_of_a_url(url: str, hosts: list[str]) -> None:
    assert list(map(str, hosts_of(database_url(url)))) == hosts


def test_the_rest_of_the_url_stays() -> None:
    url = database_url("postgresql://me:se%40%2Fcret@a:1,b:2/shop?sslmode=disable")
    assert (url.username, url.password, url.database) == ("me", "se@/cret", "shop")
    assert url.query["sslmode"] == "disable"


@pytest.mark.parametrize(
    ("url", "attributes"),
    [
        ("postgresql://a,b/shop", "read-write"),
        ("postgresql://a,b/shop?target_session_attrs=any", "any"),
        ("postgresql:///shop?host=a&host=b", "read-write"),
        ("postgresql://a/shop", None),
        ("mysql://a,b/shop", None),
    ],
)
def test_of_several_postgresql_hosts_one_that_takes_writes_is_meant(url: str, attributes: str | None) -> None:
    assert database_url(url).query.get("target_session_attrs") == attributes


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("postgresql://me:secret@a,,b/shop", "host 2 of 3 is not HOST or HOST:PORT"),
        ("postgresql://me:secret@a,b:x/shop", "host 2 of 2 is not HOST or HOST:PORT"),
        ("postgresql://me:secret/shop", "it cannot be parsed as SCHEME://USER:PASSWORD@HOST:PORT/DATABASE"),
        ("postgresql://me:x@secret@a/shop", "it is not clear where the password ends: write @ as %40"),
        ("postgresql://a:1/shop?user=me&password=x@secret", "it is not clear where the password ends"),
        ("postgresql://a?password=x@secret", "it is not clear where the password ends"),
        ("postgresql:///shop?host=a,b&port=1,2,3&password=secret", "it cannot be parsed as SCHEME://"),
        ("sqlite://me:secret@a/shop", "a file is named by sqlite:///FILE"),
        ("mongodb://me:secret@a,b/shop", "is not a store URL; it must be one of"),
    ],
)
def test_a_complaint_tells_no_password(url: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint) as failure:
        store_for(url)
    assert "secret" not in str(failure.value)
