CREATE FUNCTION gman_discard(p_handle VARCHAR(255) CHARACTER SET ascii)
RETURNS BOOLEAN
NOT DETERMINISTIC MODIFIES SQL DATA SQL SECURITY DEFINER
COMMENT 'Delete a failed job; whether there was one. One that was retried meanwhile stays. ROLLBACK brings it back.'
BEGIN
    \own gearbridge_job
    DELETE FROM gearbridge_job WHERE handle = p_handle AND state = 2;
    RETURN ROW_COUNT() > 0;
END
