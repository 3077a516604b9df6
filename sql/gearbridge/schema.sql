CREATE SCHEMA gearbridge;

COMMENT ON SCHEMA gearbridge IS 'gearbridge: its own functions and tables. What SQL authors call is named gman_* and is elsewhere.';

-- Being in the schema gives no right to anything in it: each function and table says for itself who may use it.
GRANT USAGE ON SCHEMA gearbridge TO PUBLIC;
