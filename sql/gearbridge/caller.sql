-- In a SECURITY DEFINER function current_user is its owner, and nothing tells who called. So the caller says it himself,
-- as the default of a parameter, and this type checks it on the way in, in his own name: he cannot name another.
CREATE DOMAIN gearbridge.caller AS name
    CONSTRAINT is_current_user CHECK (VALUE IS NOT DISTINCT FROM current_user);

COMMENT ON DOMAIN gearbridge.caller IS 'Who calls: the current user, checked before the function is entered that takes it.';

-- Nobody else can make a table that keeps such a name for later.
REVOKE USAGE ON TYPE gearbridge.caller FROM PUBLIC;
