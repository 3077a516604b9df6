"""URLs as they are shown: scheme, user, hosts and database, whatever else they carry and however they are written."""

from __future__ import annotations

import pytest

from gearbridge.stores.database.redaction import redacted
from gearbridge.stores.database.urls import database_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("memory:", "memory:"),
        ("sqlite:////srv/jobs.db?timeout=5", "sqlite:////srv/jobs.db"),
        ("sqlite:///per%2520cent.db", "sqlite:///per%2520cent.db"),
        ("sqlite:jobs.db", "sqlite:jobs.db"),
        ("jobs.db", "jobs.db"),
        ("postgresql://me:hunter2@a:1,[::1]:2/shop?target_session_attrs=any", "postgresql://me@a:1,[::1]:2/shop"),
        ("postgresql://keeper:hun?ter2@127.0.0.1:5432/shop", "postgresql://keeper@127.0.0.1:5432/shop"),
        ("postgresql://me:hun/ter#2@a/shop", "postgresql://me@a/shop"),
        ("postgresql+psycopg2://me:hunter2@a/shop", "postgresql+psycopg2://me@a/shop"),
        ("postgresql://me@a/shop?password=hunter2&sslpassword=hunter2&passfile=hunter2", "postgresql://me@a/shop"),
        ("postgresql:///shop?host=/run/pg&user=me&password=hunter2", "postgresql://me@%2Frun%2Fpg/shop"),
        ("postgresql://m%1be:hunter2@a/sh%0aop", "postgresql://m%1Be@a/sh%0Aop"),
        ("mysql://me@a/shop?passwd=hunter2", "mysql://me@a/shop"),
        ("mysql://me:hunter2@/shop?unix_socket=/run/mysqld.sock", "mysql://me@%2Frun%2Fmysqld.sock/shop"),
        ("host=a,b port=5 user=me password='hunter2 x' dbname=shop", "postgresql://me@a:5,b:5/shop"),
        ("postgresql://me@a/shop;password=hunter2", "postgresql://me@a/shop..."),
        ("postgresql://me@a/shop&sslpassword=hunter2&x=1", "postgresql://me@a/shop..."),
        ("postgresql://me;pwd=hunter2@a/R&D", "postgresql://me...@a/R%26D"),
        ("redis://a:1/3&password=hunter2", "redis://a:1/3..."),
        ("memcached://a:1/jobs", "memcached://a:1/jobs"),
        ("memcached://me:hunter2@a:1/jobs", "memcached://..."),
        ("innodb-memcached://a/p?max_value=9&sql=mysql://me:hunter2@b/s", "innodb-memcached://a/p?sql=mysql://me@b/s"),
        ("gearmand+redis://:hun/t@er2@a:1/pre", "gearmand+redis://a:1/pre"),
        ("redis://me:hunter2@a:1/3?prefix=jobs", "redis://a:1/3"),
        ("rediss://:hun?ter2@[::1]:1/3?ssl_keyfile=/hunter2", "rediss://[::1]:1/3"),
        ("gearmand+mysql://me:hunter2@a/shop?table=queue", "gearmand+mysql://me@a/shop"),
        # Where it is not clear which part is the password, no part is shown.
        ("postgresql://me:hun@ter2@a/shop", "postgresql://..."),
        ("postgresql://me:hun@te/r2@a/shop", "postgresql://..."),
        ("postgresql://a:1/shop?user=me&password=hun@ter2", "postgresql://..."),
        ("postgresql://me:hunter2/shop", "postgresql://..."),
        ("mongodb://me:hunter2@a/shop", "mongodb://..."),
        ("postgresql:me:hunter2@a", "postgresql:..."),
        ("me:hunter2@a/shop", "me:..."),
        ("host=a password='hunter2", "..."),
        ("hunter2@a", "..."),
    ],
)
def test_nothing_else_is_shown(url: str, shown: str) -> None:
    assert redacted(url) == shown


def test_a_url_that_is_parsed_already_is_shown_alike() -> None:
    url = "mysql://me:hunter2@a:1,b/shop?passwd=hunter2"
    assert redacted(database_url(url)) == redacted(url) == "mysql://me@a:1,b/shop"
