CREATE FUNCTION gearbridge._role_right_changed()
RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM gearbridge._apply_rights(OLD.role_oid);
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.role_oid = 0 AND NEW.role <> 'public' THEN
        -- A restored dump may name roles that this server has not. Its other rows are worth having, and this one means
        -- nobody, also when a role of that name is made later.
        RAISE WARNING 'role % does not exist, so it gets no rights', pg_catalog.quote_ident(NEW.role);
    ELSIF TG_OP <> 'DELETE' THEN
        PERFORM gearbridge._apply_rights(NEW.role_oid);
    END IF;
    RETURN NULL;
END
$function$;

COMMENT ON FUNCTION gearbridge._role_right_changed() IS
$comment$The trigger that sets privileges according to the rows of gearbridge.role_right, also when a dump is restored.

Example: INSERT INTO gearbridge.role_right (role, "right", pattern) VALUES ('application', 'submit', 'mail_*');
ROLLBACK takes it back.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._role_right_changed() FROM PUBLIC;

CREATE TRIGGER apply AFTER INSERT OR UPDATE OR DELETE ON gearbridge.role_right
FOR EACH ROW EXECUTE FUNCTION gearbridge._role_right_changed();

COMMENT ON TRIGGER apply ON gearbridge.role_right IS 'The privileges follow the rows.';
