-- Run it once, in the database that the jobs are to be kept in: mysql DATABASE < FILE. Before it, as MySQL's manual
-- says, run innodb_memcached_config.sql, which comes with MySQL and makes innodb_memcache.containers.
-- Each line of the table has a reason: keys are compared byte by byte and are up to 250 bytes long, and with any type
-- smaller than LONGBLOB a long value aborts the server.

CREATE TABLE gearbridge_queue (
    id     VARCHAR(250) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL PRIMARY KEY,
    data   LONGBLOB,
    flags  INT UNSIGNED NOT NULL DEFAULT 0,
    cas    BIGINT UNSIGNED NOT NULL DEFAULT 0,
    expire INT UNSIGNED NOT NULL DEFAULT 0
) ENGINE = InnoDB;

-- Where there is a row 'default' already, this fails: the plugin has one default container, and deletes from no other.
INSERT INTO innodb_memcache.containers (name, db_schema, db_table, key_columns, value_columns, flags, cas_column,
    expire_time_column, unique_idx_name_on_key)
VALUES ('default', DATABASE(), 'gearbridge_queue', 'id', 'data', 'flags', 'cas', 'expire', 'PRIMARY');

-- The plugin reads its containers when it starts. Where it is active already: UNINSTALL PLUGIN daemon_memcached, first.
--     INSTALL PLUGIN daemon_memcached SONAME 'libmemcached.so';
-- The server's SQL user reads the table and the containers, and writes through memcached only:
--     CREATE USER 'gearbridge'@'HOST' IDENTIFIED BY 'PASSWORD';
--     GRANT SELECT ON DATABASE.gearbridge_queue TO 'gearbridge'@'HOST';
--     GRANT SELECT ON innodb_memcache.* TO 'gearbridge'@'HOST';
