CREATE FUNCTION gearbridge._xid8(number xid)
RETURNS xid8
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    short CONSTANT numeric := number::text::numeric;
    present CONSTANT numeric := pg_snapshot_xmax(pg_current_snapshot())::text::numeric;
BEGIN
    -- Numbers below 3 are no transactions, whenever that was.
    RETURN CASE WHEN short < 3 THEN short ELSE short + round((present - short) / 4294967296) * 4294967296 END::text::xid8;
END
$function$;

COMMENT ON FUNCTION gearbridge._xid8(xid) IS
$comment$A row's transaction number as xid8: rows store only the lower half; the upper half is that of the nearest number to the present.

Example: SELECT pg_xact_status(gearbridge._xid8(xmin)) FROM gearbridge.role_right;
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._xid8(xid) FROM PUBLIC;
