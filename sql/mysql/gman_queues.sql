CREATE OR REPLACE VIEW gman_queues AS
SELECT
    `function`,
    SUM(state = 'ready') AS ready,
    SUM(state = 'scheduled') AS scheduled,
    SUM(state = 'failed') AS failed,
    SUM(state = 'done') AS done,
    TIMESTAMPDIFF(SECOND, MIN(CASE WHEN state = 'ready' THEN enqueued_at END), NOW()) AS oldest_seconds
FROM gman_jobs
GROUP BY `function`
