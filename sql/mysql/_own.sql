    -- Refuse a temporary table of the caller's session that stands before the real one. MySQL opens such a table under
    -- one alias only. MariaDB has to drop it: a function, which has opened its tables by then, fails so.
    DO (SELECT COUNT(*) FROM @table@ AS again WHERE FALSE);
    /*M! DROP TEMPORARY TABLE IF EXISTS @table@; */
