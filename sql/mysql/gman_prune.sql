CREATE FUNCTION gman_prune(p_days DOUBLE, p_state LONGTEXT CHARACTER SET utf8mb4)
RETURNS BIGINT
NOT DETERMINISTIC MODIFIES SQL DATA SQL SECURITY DEFINER
COMMENT 'Delete finished jobs kept for so many days: done, failed, or NULL, both; return how many. The server does so too. ROLLBACK brings them back.'
BEGIN
    \own gearbridge_job
    IF p_days IS NULL THEN
        SIGNAL SQLSTATE '22004' SET MESSAGE_TEXT = 'the days cannot be NULL';
    ELSEIF p_state NOT IN ('done', 'failed') THEN
        SIGNAL SQLSTATE '22023' SET MESSAGE_TEXT = 'no such state of a finished job: use done, failed or NULL for both';
    END IF;
    DELETE FROM gearbridge_job
    WHERE state IN (2, 3) AND state <> IF(p_state = 'done', 2, IF(p_state = 'failed', 3, 0))
        AND finished < UNIX_TIMESTAMP() - p_days * 86400;
    RETURN ROW_COUNT();
END
