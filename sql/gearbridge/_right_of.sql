-- The only list of rights and the objects that need them. An object that is not listed is for its owner only, above all
-- the table own_object, since privileges on all objects that it lists are granted and revoked with the owner's rights.
CREATE FUNCTION gearbridge._right_of(OUT name text, OUT rights text[])
RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
SELECT one, '{submit,admin}'::text[]
FROM unnest('{
    gman_enqueue, gman_enqueue_many, gman_enqueue_row, gman_enqueue_rows, _enqueue, _enqueue_many,
    gman_do, gman_do_high, gman_do_low, gman_do_all, gman_sum, _sum_add, _sum_do,
    gman_do_background, gman_do_high_background, gman_do_low_background, gman_do_background_many,
    gman_servers_set, gman_wait, _wait
}'::text[]) AS one
UNION ALL
SELECT one, '{submit,monitor,admin}'
FROM unnest('{
    may_submit, _may_submit, _load, my_servers, gman_servers, gman_ping, gman_status, gman_status_by_unique_key, gman_result, gman_job,
    _result, _job, _status, _direct_status
}'::text[]) AS one
UNION ALL
SELECT one, '{monitor,admin}'
FROM unnest('{
    gman_server_status, gman_server_workers, gman_server_jobs, gman_jobs, gman_queues, gman_failed, _failed
}'::text[]) AS one
UNION ALL
SELECT one, '{work,admin}' FROM unnest('{gman_complete, _complete}'::text[]) AS one
UNION ALL
SELECT one, '{admin}'
FROM unnest('{
    grant_submit, grant_work, grant_monitor, grant_admin, grant_server, _grant,
    revoke_submit, revoke_work, revoke_monitor, revoke_admin, revoke_server, _revoke, role_right,
    allow_servers, _allow_servers, forbid_servers, _forbid_servers, allowed_servers,
    gman_cancel, _cancel, gman_retry, _retry, _retry_with, gman_payload, _payload_of, gman_discard, _discard,
    gman_retry_failed, _retry_failed, gman_discard_failed, _discard_failed, prune, _prune,
    privilege_differences, _privilege_differences, restore_privileges, _restore_privileges
}'::text[]) AS one
UNION ALL
SELECT one, '{server}'
FROM unnest('{
    gearbridge_job, gearbridge_job_id_seq, gearbridge_node, gearbridge_node_epoch_seq, gearbridge_limit, gearbridge_schema
}'::text[]) AS one
UNION ALL
SELECT '_holder', '{holder}'
UNION ALL
SELECT one, '{everybody}' FROM unnest('{gman_version, _payload, _payloads, gearbridge}'::text[]) AS one
$function$;

COMMENT ON FUNCTION gearbridge._right_of() IS
$comment$The rights (submit, work, monitor, admin, server) that let a role use a function, table or view of gearbridge, by its name.
Two more rights stand for what every role may use, and for the mark of a role that has any right.

Example: SELECT name FROM gearbridge._right_of() WHERE 'monitor' = ANY (rights);
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._right_of() FROM PUBLIC;
