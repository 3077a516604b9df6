CREATE FUNCTION gman_do_low(p_function LONGTEXT CHARACTER SET utf8mb4, p_payload LONGBLOB)
RETURNS LONGBLOB
DETERMINISTIC NO SQL SQL SECURITY DEFINER
COMMENT 'Not to be had here: a stored function cannot call a job server and wait for the result.'
BEGIN
    SIGNAL SQLSTATE '0A000' SET MESSAGE_TEXT =
        'no foreground jobs from MySQL: use gman_enqueue with keep_result, then gman_result';
    RETURN NULL;
END
