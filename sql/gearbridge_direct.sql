-- gearbridge_direct: jobs straight to the job server, from PL/Python.
-- Read from top to bottom, this file is the extension's table of contents.
--
-- How a session uses it: say once where the job servers are (gman_servers_set), then submit. The session keeps one
-- connection, opened by the first call. What these functions do, they do at once: ROLLBACK does not take it back.
-- They are VOLATILE and PARALLEL UNSAFE for that: the connection belongs to the session's own process, and a wait runs
-- a statement to let PostgreSQL cancel, which not every PostgreSQL allows during a parallel query.
--
-- Nobody but the owner may call any of it until an administrator grants it:
--     SELECT gearbridge.grant_submit('application', 'mail_*');

-- Group: the Python behind it
\i gearbridge/begin.sql
-- The client that Python programs use, embedded as it is; nothing needs to be installed into the server's Python.
\i gearbridge_direct/_modules.sql
\i gearbridge_direct/_load.sql

-- Group: where the job servers are
\i gearbridge_direct/allowed_servers.sql
\i gearbridge_direct/_allow_servers.sql
\i gearbridge_direct/allow_servers.sql
\i gearbridge_direct/_forbid_servers.sql
\i gearbridge_direct/forbid_servers.sql
\i gearbridge_direct/gman_servers_set.sql
\i gearbridge_direct/gman_servers.sql
\i gearbridge_direct/gman_ping.sql

-- Group: foreground jobs, which wait for the result
\i gearbridge_direct/gman_do.sql
\i gearbridge_direct/gman_do_high.sql
\i gearbridge_direct/gman_do_low.sql
\i gearbridge_direct/gman_do_all.sql
\i gearbridge_direct/_sum_add.sql
\i gearbridge_direct/_sum_do.sql
\i gearbridge_direct/gman_sum.sql

-- Group: background jobs, which return a handle
\i gearbridge_direct/gman_do_background.sql
\i gearbridge_direct/gman_do_background_many.sql
\i gearbridge_direct/gman_do_high_background.sql
\i gearbridge_direct/gman_do_low_background.sql
\i gearbridge_direct/_direct_status.sql
\i gearbridge_direct/gman_status_by_unique_key.sql

-- Group: the job server's own tables
\i gearbridge_direct/gman_server_status.sql
\i gearbridge_direct/gman_server_workers.sql
\i gearbridge_direct/gman_server_jobs.sql

-- Group: at the end
\i gearbridge_direct/finish.sql
