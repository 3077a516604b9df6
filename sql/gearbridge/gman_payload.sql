CREATE FUNCTION @extschema@.gman_payload(handle text)
RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN gearbridge._payload_of(handle);

COMMENT ON FUNCTION @extschema@.gman_payload(text) IS
$comment$The payload of a job in the job table, NULL for an unknown handle; convert_from(..., 'UTF8') makes text of it.
Needs the right admin, for gman_jobs and gman_failed() can be granted to roles that may not see payloads.

Example: SELECT convert_from(gman_payload(handle), 'UTF8'), error FROM gman_failed('resize');
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_payload(text) FROM PUBLIC;
