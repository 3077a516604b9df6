CREATE OR REPLACE VIEW gman_failed AS
SELECT
    handle,
    `function`,
    NULLIF(unique_key, '') AS unique_key,
    CASE priority WHEN 0 THEN 'high' WHEN 2 THEN 'low' ELSE 'normal' END AS priority,
    attempts,
    NULLIF(max_attempts, 0) AS max_attempts,
    error,
    FROM_UNIXTIME(enqueued) AS enqueued_at,
    enqueued_by,
    FROM_UNIXTIME(finished) AS finished_at,
    finished,
    LENGTH(payload) AS payload_size
FROM gearbridge_job
WHERE state = 2 AND finished IS NOT NULL
