-- SECURITY DEFINER only to read _modules(); the code that it loads runs with the rights of whoever calls gman_*.
CREATE FUNCTION gearbridge._load()
RETURNS boolean
LANGUAGE plpython3u VOLATILE PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $python$
import sys
from types import ModuleType

# Not "gearbridge": a gearbridge that is installed in the server's Python is another one, perhaps of another version.
package = ModuleType("gearbridge_in_postgresql")
package.__path__ = []
sys.modules[package.__name__] = package

rows = plpy.execute("SELECT name, source FROM gearbridge._modules()")
parents = {row["name"].rpartition(".")[0] for row in rows}
for row in rows:
    name, source = row["name"], row["source"]
    module = ModuleType(package.__name__ + "." + name)
    module.__package__ = module.__name__.rpartition(".")[0]
    if name in parents:
        module.__package__ = module.__name__
        module.__path__ = []
    sys.modules[module.__name__] = module
    exec(compile(source, "gearbridge/" + name, "exec", dont_inherit=True), module.__dict__)

GD["gearbridge"] = module
return True
$python$;

COMMENT ON FUNCTION gearbridge._load() IS
$comment$Load the Python code of gearbridge_direct into this session; the gman_* functions call it when it is missing.
A role that may call one of them needs EXECUTE on this function too; it is of no other use.

Example: GRANT EXECUTE ON FUNCTION gearbridge._load() TO application;
ROLLBACK does not unload it.$comment$;

REVOKE EXECUTE ON FUNCTION gearbridge._load() FROM PUBLIC;
