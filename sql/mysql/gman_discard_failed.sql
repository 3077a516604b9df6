CREATE FUNCTION gman_discard_failed(
    p_function LONGTEXT CHARACTER SET utf8mb4, p_error LONGTEXT CHARACTER SET utf8mb4, p_payload LONGBLOB, p_at_most BIGINT
)
RETURNS BIGINT
NOT DETERMINISTIC MODIFIES SQL DATA SQL SECURITY DEFINER
COMMENT 'Delete failed jobs, the last ones first: of a function, with these texts in error and payload; NULL is any. How many. ROLLBACK brings them back.'
BEGIN
    DECLARE v_at_most BIGINT DEFAULT COALESCE(p_at_most, 1000);
    \own gearbridge_job
    IF v_at_most < 1 OR v_at_most > 10000 THEN
        SIGNAL SQLSTATE '22023' SET MESSAGE_TEXT = 'at_most must be from 1 to 10000';
    END IF;
    DELETE FROM gearbridge_job
    WHERE state = 2 AND finished IS NOT NULL
        AND (p_function IS NULL OR `function` = REPLACE(p_function, '\\', '\\\\'))
        AND (p_error IS NULL OR INSTR(error, p_error) > 0)
        AND (p_payload IS NULL OR INSTR(payload, p_payload) > 0)
    ORDER BY finished DESC LIMIT v_at_most;
    RETURN ROW_COUNT();
END
