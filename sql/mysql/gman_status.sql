CREATE FUNCTION gman_status(p_handle VARCHAR(255) CHARACTER SET ascii)
RETURNS LONGTEXT CHARACTER SET utf8mb4
NOT DETERMINISTIC READS SQL DATA SQL SECURITY DEFINER
COMMENT 'How far a job is, as JSON: known (not finished), running (from its first progress on), numerator, denominator, percentage. ROLLBACK changes nothing about it.'
BEGIN
    DECLARE v_numerator, v_denominator BIGINT;
    DECLARE v_known BOOLEAN DEFAULT TRUE;
    DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_known = FALSE;
    -- MariaDB drops nothing in a read-only transaction.
    DECLARE CONTINUE HANDLER FOR 1792 BEGIN END;
    \own gearbridge_job
    SELECT COALESCE(numerator, 0), COALESCE(denominator, 0) INTO v_numerator, v_denominator
    FROM gearbridge_job WHERE handle = p_handle AND state IN (0, 1);
    SET v_numerator = COALESCE(v_numerator, 0), v_denominator = COALESCE(v_denominator, 0);
    RETURN IF(p_handle IS NULL, NULL, CONCAT(
        '{"known": ', IF(v_known, 'true', 'false'),
        ', "running": ', IF(v_numerator > 0 OR v_denominator > 0, 'true', 'false'),
        ', "numerator": ', v_numerator,
        ', "denominator": ', v_denominator,
        ', "percentage": ', COALESCE(100 * v_numerator / NULLIF(v_denominator, 0), 'null'), '}'
    ));
END
