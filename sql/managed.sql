-- gearbridge on a managed PostgreSQL, without extensions, PL/Python and a superuser: the extension gearbridge as a script,
-- and the background functions of gearbridge_direct, which go into the job table here.
\i gearbridge.sql

-- Group: the direct functions' names
\i managed/gman_do_background.sql
\i managed/gman_do_high_background.sql
\i managed/gman_do_low_background.sql

-- Group: at the end
\i gearbridge/own.sql
