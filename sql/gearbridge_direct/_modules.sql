-- In the order in which they import each other. \embed makes one row of each file, verbatim.
CREATE FUNCTION gearbridge._modules(OUT name text, OUT source text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $modules$
VALUES
\embed errors gearbridge/errors.py
\embed records gearbridge/records.py
\embed traceparent gearbridge/traceparent.py
\embed wire gearbridge/wire/__init__.py
\embed wire.commands gearbridge/wire/commands.py
\embed wire.packets gearbridge/wire/packets.py
\embed wire.parser gearbridge/wire/parser.py
\embed client gearbridge/client/__init__.py
\embed client.session gearbridge/client/session.py
\embed client.requests gearbridge/client/requests.py
\embed client.connection gearbridge/client/connection.py
\embed client.server_order gearbridge/client/server_order.py
\embed client.pool gearbridge/client/pool.py
\embed client.batches gearbridge/client/batches.py
\embed client.parallel gearbridge/client/parallel.py
\embed client.client gearbridge/client/client.py
\embed gearbridge_pg_errors plpython/gearbridge_pg_errors.py
\embed gearbridge_pg_session plpython/gearbridge_pg_session.py
\embed gearbridge_pg_clients plpython/gearbridge_pg_clients.py
\embed gearbridge_pg plpython/gearbridge_pg.py
$modules$;

COMMENT ON FUNCTION gearbridge._modules() IS
$comment$The Python modules that gearbridge._load() loads: name and source, in the order of loading.

Example: SELECT source FROM gearbridge._modules() WHERE name = 'wire.commands';
ROLLBACK changes nothing about it: it only reads.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._modules() FROM PUBLIC;
