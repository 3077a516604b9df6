CREATE FUNCTION gman_retry_with(p_handle VARCHAR(255) CHARACTER SET ascii, p_payload LONGBLOB)
RETURNS BOOLEAN
NOT DETERMINISTIC MODIFIES SQL DATA SQL SECURITY DEFINER
COMMENT 'Have a finished job that was kept done once more, with another payload; whether there was one. ROLLBACK takes it back.'
BEGIN
    \own gearbridge_job
    IF p_payload IS NULL THEN
        SIGNAL SQLSTATE '22004' SET MESSAGE_TEXT = 'gearman payload cannot be NULL';
    END IF;
    UPDATE gearbridge_job
    SET payload = p_payload, state = 1, attempts = 0, due = 0, error = NULL, result = NULL, finished = NULL, numerator = NULL,
        denominator = NULL
    WHERE handle = p_handle AND state IN (2, 3);
    RETURN ROW_COUNT() > 0;
END
