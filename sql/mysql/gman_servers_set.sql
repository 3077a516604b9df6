CREATE FUNCTION gman_servers_set(p_servers TEXT CHARACTER SET utf8mb4)
RETURNS TEXT CHARACTER SET utf8mb4
DETERMINISTIC NO SQL SQL SECURITY DEFINER
COMMENT 'Returns what it was given: a job server that works from this database finds the jobs by itself.'
BEGIN
    RETURN p_servers;
END
