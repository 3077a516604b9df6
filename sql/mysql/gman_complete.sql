CREATE FUNCTION gman_complete(p_handle VARCHAR(255) CHARACTER SET ascii, p_result LONGBLOB)
RETURNS BOOLEAN
NOT DETERMINISTIC MODIFIES SQL DATA SQL SECURITY DEFINER
COMMENT 'End a job in the transaction that does its work; false where it has ended already: roll back then. ROLLBACK takes it back.'
BEGIN
    -- Or the unique key that a bridge made of it.
    DECLARE v_handle VARCHAR(64) CHARACTER SET ascii DEFAULT SUBSTRING_INDEX(p_handle, '@', 1);
    \own gearbridge_job
    DELETE FROM gearbridge_job WHERE handle = v_handle AND state = 1 AND keep_result = 0;
    IF ROW_COUNT() > 0 THEN
        RETURN TRUE;
    END IF;
    UPDATE gearbridge_job
    SET state = 3, result = COALESCE(p_result, ''), error = NULL, finished = UNIX_TIMESTAMP()
    WHERE handle = v_handle AND state = 1;
    RETURN ROW_COUNT() > 0;
END
