CREATE OR REPLACE VIEW gman_queues AS
SELECT
    `function`,
    SUM(state < 2 AND due <= UNIX_TIMESTAMP()) AS ready,
    SUM(state < 2 AND due > UNIX_TIMESTAMP()) AS scheduled,
    SUM(state = 2) AS failed,
    SUM(state = 3) AS done,
    UNIX_TIMESTAMP() - MIN(CASE WHEN state < 2 AND due <= UNIX_TIMESTAMP() THEN enqueued END) AS oldest_seconds
FROM gearbridge_job
GROUP BY `function`
