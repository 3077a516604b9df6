-- gearbridge on MySQL 5.7 and later and MariaDB: the same names as stored functions, into the job table.
-- Read from top to bottom, this file is the table of contents. Each file is one statement.

-- Group: jobs with the transaction
\i mysql/gman_enqueue.sql
\i mysql/gman_do_background.sql
\i mysql/gman_do_high_background.sql
\i mysql/gman_do_low_background.sql

-- Group: what became of them
\i mysql/gman_jobs.sql
\i mysql/gman_queues.sql
\i mysql/gman_cancel.sql
\i mysql/gman_retry.sql
\i mysql/gman_retry_with.sql
\i mysql/gman_failed.sql
\i mysql/gman_payload.sql
\i mysql/gman_discard.sql
\i mysql/gman_retry_failed.sql
\i mysql/gman_discard_failed.sql
\i mysql/gman_job.sql
\i mysql/gman_status.sql
\i mysql/gman_result.sql
\i mysql/gman_complete.sql
\i mysql/gman_prune.sql

-- Group: names that the C functions for MySQL had, and that cannot do here what they did
\i mysql/gman_do.sql
\i mysql/gman_do_high.sql
\i mysql/gman_do_low.sql
\i mysql/gman_sum.sql
\i mysql/gman_servers_set.sql
