CREATE FUNCTION gman_do_low_background(p_function LONGTEXT CHARACTER SET utf8mb4, p_payload LONGBLOB)
RETURNS VARCHAR(64) CHARACTER SET ascii
NOT DETERMINISTIC MODIFIES SQL DATA SQL SECURITY DEFINER
COMMENT 'Enqueue a job of low priority with this transaction and return its handle; for more, gman_enqueue. ROLLBACK takes it back.'
BEGIN
    RETURN gman_enqueue(p_function, p_payload, NULL, 'low', NULL, NULL, NULL);
END
