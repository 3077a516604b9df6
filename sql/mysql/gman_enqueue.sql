CREATE FUNCTION gman_enqueue(
    p_function VARCHAR(512) CHARACTER SET utf8mb4,
    p_payload LONGBLOB,
    p_unique_key VARCHAR(255) CHARACTER SET utf8mb4,
    p_priority VARCHAR(6) CHARACTER SET ascii,
    p_run_at DATETIME(6),
    p_max_attempts INT,
    p_keep_result BOOLEAN
)
RETURNS VARCHAR(64) CHARACTER SET ascii
NOT DETERMINISTIC MODIFIES SQL DATA SQL SECURITY DEFINER
COMMENT 'Enqueue a job with this transaction; return its handle. NULLs: no unique key, normal, at once, as the server does, no. ROLLBACK takes it back.'
BEGIN
    DECLARE v_priority SMALLINT DEFAULT
        CASE COALESCE(p_priority, 'normal') WHEN 'high' THEN 0 WHEN 'normal' THEN 1 WHEN 'low' THEN 2 END;
    DECLARE v_function VARCHAR(2048) CHARACTER SET utf8mb4 DEFAULT REPLACE(p_function, '\\', '\\\\');
    DECLARE v_unique_key VARCHAR(1020) CHARACTER SET utf8mb4 DEFAULT REPLACE(COALESCE(p_unique_key, ''), '\\', '\\\\');
    DECLARE v_due BIGINT DEFAULT CEIL(COALESCE(UNIX_TIMESTAMP(p_run_at), 0));
    DECLARE v_trace VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT
        LEFT(COALESCE(@gearbridge_traceparent, ''), 255);
    DECLARE v_handle VARCHAR(64) CHARACTER SET ascii DEFAULT CONCAT('S:', UUID_SHORT());
    IF p_function IS NULL OR p_payload IS NULL THEN
        SIGNAL SQLSTATE '22004' SET MESSAGE_TEXT = 'gearman function and payload cannot be NULL';
    ELSEIF p_function = '' OR LENGTH(p_function) > 512 THEN
        SIGNAL SQLSTATE '22023' SET MESSAGE_TEXT = 'a function name has 1 to 512 bytes';
    ELSEIF LENGTH(p_unique_key) > 255 THEN
        SIGNAL SQLSTATE '22023' SET MESSAGE_TEXT = 'a unique key has at most 255 bytes';
    ELSEIF v_priority IS NULL THEN
        SIGNAL SQLSTATE '22023' SET MESSAGE_TEXT = 'no such priority: it is high, normal or low';
    ELSEIF p_max_attempts < 0 THEN
        SIGNAL SQLSTATE '22023' SET MESSAGE_TEXT = 'max_attempts cannot be negative';
    ELSEIF p_run_at IS NOT NULL AND v_due = 0 THEN
        SIGNAL SQLSTATE '22023' SET MESSAGE_TEXT = 'run_at is no time that the server can count in seconds since 1970';
    ELSEIF v_trace <> '' AND (
        v_trace NOT REGEXP '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$' OR v_trace REGEXP '-(0{32}|0{16})-'
    ) THEN
        SIGNAL SQLSTATE '22023' SET MESSAGE_TEXT = '@gearbridge_traceparent is no traceparent: 00-(32 hex digits)-(16)-(2), in lower case';
    END IF;
    INSERT INTO gearbridge_job (
        handle, `function`, unique_key, priority, payload, due, attempts, reducer,
        state, max_attempts, keep_result, enqueued, enqueued_by
    )
    VALUES (
        v_handle, v_function, v_unique_key, v_priority, p_payload, v_due, 0,
        IF(v_trace = '', '', CONCAT('\\x00', v_trace)),
        1, COALESCE(p_max_attempts, 0), COALESCE(p_keep_result, 0), UNIX_TIMESTAMP(), LEFT(SESSION_USER(), 255)
    )
    -- The handle of the unfinished job with this unique key, if there is one, comes out of the table this way.
    ON DUPLICATE KEY UPDATE id = LAST_INSERT_ID(id);
    IF v_unique_key <> '' AND ROW_COUNT() <> 1 THEN
        SELECT handle INTO v_handle FROM gearbridge_job WHERE id = LAST_INSERT_ID();
    END IF;
    RETURN v_handle;
END
