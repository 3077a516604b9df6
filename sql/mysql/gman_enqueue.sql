CREATE FUNCTION gman_enqueue(
    p_function LONGTEXT CHARACTER SET utf8mb4,
    p_payload LONGBLOB,
    p_unique_key LONGTEXT CHARACTER SET utf8mb4,
    p_priority LONGTEXT CHARACTER SET utf8mb4,
    p_run_at VARCHAR(64) CHARACTER SET ascii,
    p_max_attempts BIGINT,
    p_keep_result BOOLEAN
)
RETURNS VARCHAR(64) CHARACTER SET ascii
NOT DETERMINISTIC MODIFIES SQL DATA SQL SECURITY DEFINER
COMMENT 'Enqueue a job with this transaction; return its handle. NULLs: no unique key, normal, at once, as the server does, no. p_run_at is a DATETIME, or @ and seconds since 1970. ROLLBACK takes it back.'
BEGIN
    -- The arguments have room for what is too long: without a strict sql_mode the caller's session would cut it.
    DECLARE v_priority SMALLINT DEFAULT
        CASE COALESCE(p_priority, 'normal') WHEN 'high' THEN 0 WHEN 'normal' THEN 1 WHEN 'low' THEN 2 END;
    DECLARE v_function VARCHAR(2048) CHARACTER SET utf8mb4 DEFAULT REPLACE(LEFT(p_function, 512), '\\', '\\\\');
    DECLARE v_unique_key VARCHAR(1020) CHARACTER SET utf8mb4 DEFAULT
        REPLACE(LEFT(COALESCE(p_unique_key, ''), 255), '\\', '\\\\');
    -- Seconds since 1970 have no time zone, and so no hour that comes twice when clocks are put back.
    DECLARE v_due DECIMAL(20, 0) DEFAULT CEIL(COALESCE(IF(
        LEFT(p_run_at, 1) = '@',
        CAST(SUBSTRING(p_run_at, 2) AS DECIMAL(20, 6)),
        UNIX_TIMESTAMP(CAST(p_run_at AS DATETIME(6)))
    ), 0));
    DECLARE v_trace VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT
        LEFT(COALESCE(@gearbridge_traceparent, ''), 255);
    -- Two servers, or two lives of one, may number alike. RANDOM_BYTES is there in MySQL and from MariaDB 10.10 on.
    DECLARE v_handle VARCHAR(64) CHARACTER SET ascii DEFAULT CONCAT('S:', UUID_SHORT(), '-', LOWER(LEFT(COALESCE(
        /*!50700 HEX(RANDOM_BYTES(8)), */ /*M!101001 HEX(RANDOM_BYTES(8)), */
        SHA2(CONCAT_WS('-', UUID(), RAND(), CONNECTION_ID(), SYSDATE(6), v_function), 256)
    ), 16)));
    \own gearbridge_job
    IF p_function IS NULL OR p_payload IS NULL THEN
        SIGNAL SQLSTATE '22004' SET MESSAGE_TEXT = 'gearman function and payload cannot be NULL';
    ELSEIF p_function = '' OR LENGTH(p_function) > 512 THEN
        SIGNAL SQLSTATE '22023' SET MESSAGE_TEXT = 'a function name has 1 to 512 bytes';
    ELSEIF LENGTH(p_unique_key) > 255 THEN
        SIGNAL SQLSTATE '22023' SET MESSAGE_TEXT = 'a unique key has at most 255 bytes';
    ELSEIF LOCATE(x'00', CAST(CONCAT(v_function, v_unique_key) AS BINARY)) > 0 THEN
        SIGNAL SQLSTATE '22023' SET MESSAGE_TEXT = 'a function name and a unique key have no NUL';
    ELSEIF v_priority IS NULL THEN
        SIGNAL SQLSTATE '22023' SET MESSAGE_TEXT = 'no such priority: it is high, normal or low';
    ELSEIF p_max_attempts > 2147483647 THEN
        SIGNAL SQLSTATE '22023' SET MESSAGE_TEXT = 'max_attempts is at most 2147483647';
    ELSEIF p_max_attempts < 0 THEN
        SIGNAL SQLSTATE '22023' SET MESSAGE_TEXT = 'max_attempts cannot be negative';
    ELSEIF p_run_at IS NOT NULL AND v_due NOT BETWEEN 1 AND 253402300799 THEN
        SIGNAL SQLSTATE '22023' SET MESSAGE_TEXT = 'run_at must be a time between 1970 and 9999 that the server supports';
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
    -- Not ROW_COUNT(): with CLIENT_FOUND_ROWS, which many drivers set, it is 1 for a row that was there as well.
    -- FOR UPDATE, of a row that is locked already: it may be newer than this transaction's snapshot.
    IF v_unique_key <> '' THEN
        SELECT handle INTO v_handle FROM gearbridge_job WHERE id = LAST_INSERT_ID() FOR UPDATE;
    END IF;
    RETURN v_handle;
END
