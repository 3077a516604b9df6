CREATE FUNCTION gman_retry(p_handle VARCHAR(255) CHARACTER SET ascii)
RETURNS BOOLEAN
NOT DETERMINISTIC MODIFIES SQL DATA SQL SECURITY DEFINER
COMMENT 'Have a finished job that was kept done once more; whether there was one. ROLLBACK takes it back.'
BEGIN
    \own gearbridge_job
    UPDATE gearbridge_job
    SET state = 1, attempts = 0, due = 0, error = NULL, result = NULL, finished = NULL, numerator = NULL, denominator = NULL
    WHERE handle = p_handle AND state IN (2, 3);
    RETURN ROW_COUNT() > 0;
END
