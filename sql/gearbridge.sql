-- gearbridge: the common part, in PL/pgSQL only, for any PostgreSQL from 15 on, managed ones too.
-- Read from top to bottom, this file is the extension's table of contents.

-- Group: the schema
-- What users call is in the schema that CREATE EXTENSION was given (public, if nothing is said) and is named gman_*.
-- What only administrators and our own functions use is in schema gearbridge.
\i gearbridge/begin.sql
\i gearbridge/oldest.sql
\i gearbridge/schema.sql
\i gearbridge/tables.sql

-- Group: who may do what
-- Nobody but the owner may call anything until an administrator grants it:
--     SELECT gearbridge.grant_submit('application', 'mail_*');
\i gearbridge/caller.sql
\i gearbridge/_role_oid.sql
\i gearbridge/role_right.sql
\i gearbridge/_holder.sql
\i gearbridge/_grants_of.sql
\i gearbridge/_owner.sql
\i gearbridge/_admitted.sql
\i gearbridge/_may.sql
\i gearbridge/_demand.sql
\i gearbridge/_right_of.sql
\i gearbridge/_own_objects.sql
\i gearbridge/_acl_differences.sql
\i gearbridge/_apply_rights.sql
\i gearbridge/_privilege_differences.sql
\i gearbridge/privilege_differences.sql
\i gearbridge/_restore_privileges.sql
\i gearbridge/restore_privileges.sql
\i gearbridge/_role_right_changed.sql
\i gearbridge/_grant.sql
\i gearbridge/_revoke.sql
\i gearbridge/grant_submit.sql
\i gearbridge/revoke_submit.sql
\i gearbridge/grant_work.sql
\i gearbridge/revoke_work.sql
\i gearbridge/grant_monitor.sql
\i gearbridge/revoke_monitor.sql
\i gearbridge/grant_server.sql
\i gearbridge/revoke_server.sql
\i gearbridge/grant_admin.sql
\i gearbridge/revoke_admin.sql
\i gearbridge/_granted.sql
\i gearbridge/_may_submit.sql
\i gearbridge/may_submit.sql
\i gearbridge/_demand_submit.sql

-- Group: jobs with the transaction
\i gearbridge/_check.sql
\i gearbridge/_priority.sql
\i gearbridge/_due.sql
\i gearbridge/_trace.sql
\i gearbridge/_ring.sql
\i gearbridge/_handle.sql
\i gearbridge/_enqueue.sql
\i gearbridge/_enqueue_many.sql
\i gearbridge/_payload.sql
\i gearbridge/_payloads.sql
\i gearbridge/gman_enqueue.sql
\i gearbridge/gman_enqueue_many.sql

-- Group: triggers
\i gearbridge/_trigger_options.sql
\i gearbridge/_trigger_payload.sql
\i gearbridge/_trigger_owner.sql
\i gearbridge/_xid8.sql
\i gearbridge/_demand_current.sql
\i gearbridge/_row_json.sql
\i gearbridge/_is_trusted.sql
\i gearbridge/_json_expression.sql
\i gearbridge/_row_columns.sql
\i gearbridge/_row_with_enums.sql
\i gearbridge/gman_enqueue_row.sql
\i gearbridge/gman_enqueue_rows.sql

-- Group: what became of them
\i gearbridge/gman_jobs.sql
\i gearbridge/_cancel.sql
\i gearbridge/gman_cancel.sql
\i gearbridge/_retry.sql
\i gearbridge/_retry_with.sql
\i gearbridge/gman_retry.sql
\i gearbridge/_failed_matching.sql
\i gearbridge/_failed.sql
\i gearbridge/gman_failed.sql
\i gearbridge/_payload_of.sql
\i gearbridge/gman_payload.sql
\i gearbridge/_discard.sql
\i gearbridge/gman_discard.sql
\i gearbridge/_retry_failed.sql
\i gearbridge/gman_retry_failed.sql
\i gearbridge/_discard_failed.sql
\i gearbridge/gman_discard_failed.sql
\i gearbridge/_may_read.sql
\i gearbridge/_job.sql
\i gearbridge/gman_job.sql
\i gearbridge/_status.sql
\i gearbridge/gman_status.sql
\i gearbridge/_result.sql
\i gearbridge/gman_result.sql
\i gearbridge/_wait.sql
\i gearbridge/gman_wait.sql
\i gearbridge/_complete.sql
\i gearbridge/gman_complete.sql
\i gearbridge/_prune.sql
\i gearbridge/prune.sql

-- Group: about itself
\i gearbridge/gman_version.sql

-- Group: at the end
\i gearbridge/finish.sql
