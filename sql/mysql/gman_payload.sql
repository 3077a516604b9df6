CREATE FUNCTION gman_payload(p_handle VARCHAR(255) CHARACTER SET ascii)
RETURNS LONGBLOB
NOT DETERMINISTIC READS SQL DATA SQL SECURITY DEFINER
COMMENT 'The payload of a job in the job table; NULL for an unknown handle. ROLLBACK changes nothing about it.'
BEGIN
    DECLARE v_payload LONGBLOB;
    DECLARE CONTINUE HANDLER FOR NOT FOUND SET v_payload = NULL;
    -- MariaDB drops nothing in a read-only transaction.
    DECLARE CONTINUE HANDLER FOR 1792 BEGIN END;
    \own gearbridge_job
    SELECT payload INTO v_payload FROM gearbridge_job WHERE handle = p_handle;
    RETURN v_payload;
END
