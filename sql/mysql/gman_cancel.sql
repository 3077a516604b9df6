CREATE FUNCTION gman_cancel(p_handle VARCHAR(255) CHARACTER SET ascii)
RETURNS BOOLEAN
NOT DETERMINISTIC MODIFIES SQL DATA SQL SECURITY DEFINER
COMMENT 'Take an unfinished job out of the job table; whether there was one. ROLLBACK brings it back.'
BEGIN
    \own gearbridge_job
    DELETE FROM gearbridge_job WHERE handle = p_handle AND state = 1;
    RETURN ROW_COUNT() > 0;
END
