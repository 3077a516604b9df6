CREATE FUNCTION gman_result(p_handle VARCHAR(255) CHARACTER SET ascii)
RETURNS LONGBLOB
NOT DETERMINISTIC READS SQL DATA SQL SECURITY DEFINER
COMMENT 'The result of a job enqueued with keep_result, NULL while it is not done; an error for one that failed.'
BEGIN
    DECLARE v_state SMALLINT;
    DECLARE v_result LONGBLOB;
    DECLARE v_error TEXT CHARACTER SET utf8mb4;
    DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_state = NULL;
    -- MariaDB drops nothing in a read-only transaction.
    DECLARE CONTINUE HANDLER FOR 1792 BEGIN END;
    \own gearbridge_job
    SELECT state, result, LEFT(COALESCE(error, 'the job failed'), 128) INTO v_state, v_result, v_error
    FROM gearbridge_job WHERE handle = p_handle;
    IF v_state = 2 THEN
        SIGNAL SQLSTATE 'GB001' SET MESSAGE_TEXT = v_error;
    END IF;
    RETURN IF(v_state = 3, v_result, NULL);
END
