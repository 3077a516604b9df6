CREATE FUNCTION gearbridge._sum_do(jobs text[])
RETURNS bigint
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE STRICT
SET search_path = pg_catalog, pg_temp
AS $python$
if "gearbridge" not in GD: plpy.execute("SELECT gearbridge._load()")
return GD["gearbridge"].sum_all(jobs)
$python$;

COMMENT ON FUNCTION gearbridge._sum_do(text[]) IS
$comment$Run the jobs that gearbridge._sum_add() collected for gman_sum(), and return the sum of their results.

Example: SELECT gearbridge._sum_do(ARRAY['count', 'a', 'count', 'b']);
ROLLBACK does not take it back: the workers have done it.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._sum_do(text[]) FROM PUBLIC;
