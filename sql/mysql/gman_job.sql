CREATE FUNCTION gman_job(p_handle VARCHAR(255) CHARACTER SET ascii)
RETURNS LONGTEXT CHARACTER SET utf8mb4
NOT DETERMINISTIC READS SQL DATA SQL SECURITY DEFINER
COMMENT 'The row of gman_jobs of one job, as JSON; NULL for a handle that is not in the table. ROLLBACK changes nothing about it.'
BEGIN
    DECLARE v_job LONGTEXT CHARACTER SET utf8mb4;
    DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_job = NULL;
    -- MariaDB drops nothing in a read-only transaction.
    DECLARE CONTINUE HANDLER FOR 1792 BEGIN END;
    \own gman_jobs
    SELECT JSON_OBJECT(
        'handle', handle,
        'function', `function`,
        'unique_key', unique_key,
        'priority', priority,
        'state', state,
        'run_at', run_at,
        'attempts', attempts,
        'max_attempts', max_attempts,
        'numerator', numerator,
        'denominator', denominator,
        'error', error,
        'enqueued_at', enqueued_at,
        'enqueued_by', enqueued_by,
        'finished_at', finished_at,
        'payload_size', payload_size,
        'keep_result', keep_result
    )
    INTO v_job FROM gman_jobs WHERE handle = p_handle;
    RETURN v_job;
END
