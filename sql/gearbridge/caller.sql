-- In a SECURITY DEFINER function current_user is its owner, and nothing shows which role called. So the caller is passed
-- as the default of a parameter. This type checks the value before the function is entered, as the caller, so that no
-- other role can be passed.
CREATE DOMAIN gearbridge.caller AS name
    CONSTRAINT is_current_user CHECK (VALUE IS NOT DISTINCT FROM current_user);

COMMENT ON DOMAIN gearbridge.caller IS 'The calling role: the current user, checked before the function is entered.';

-- No other role can create a table that stores such a name for later.
REVOKE USAGE ON TYPE gearbridge.caller FROM PUBLIC;
