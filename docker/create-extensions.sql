-- Run once, when the database is made.
CREATE EXTENSION gearbridge_direct CASCADE;
SELECT gearbridge.allow_servers('server:4730');
