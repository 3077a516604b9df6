CREATE OR REPLACE VIEW gman_jobs AS
SELECT
    handle,
    `function`,
    NULLIF(unique_key, '') AS unique_key,
    CASE priority WHEN 0 THEN 'high' WHEN 2 THEN 'low' ELSE 'normal' END AS priority,
    CASE
        WHEN state = 2 THEN 'failed'
        WHEN state = 3 THEN 'done'
        WHEN due > UNIX_TIMESTAMP() THEN 'scheduled'
        ELSE 'ready'
    END AS state,
    CASE WHEN due > 0 THEN FROM_UNIXTIME(due) END AS run_at,
    attempts,
    NULLIF(max_attempts, 0) AS max_attempts,
    numerator,
    denominator,
    error,
    FROM_UNIXTIME(enqueued) AS enqueued_at,
    enqueued_by,
    FROM_UNIXTIME(finished) AS finished_at,
    LENGTH(payload) AS payload_size,
    keep_result = 1 AS keep_result
FROM gearbridge_job
