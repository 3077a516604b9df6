CREATE AGGREGATE @extschema@.gman_sum(function text, workload text) (
    SFUNC = gearbridge._sum_add,
    STYPE = text[],
    FINALFUNC = gearbridge._sum_do
);

COMMENT ON AGGREGATE @extschema@.gman_sum(text, text) IS
$comment$Have workers do one job for each row, and return the sum of their results as bigint. The jobs of one function run at the
same time, as many as there are workers. The value of a result is the integer at its beginning, or 0 if there is
none, as in the MySQL function of this name. No rows give NULL.
Raises gman_do()'s errors for the first job that fails, 22004 for a NULL function or workload, and 22003 for a sum
beyond bigint.

Example: SELECT gman_sum('countWords', body) FROM article;
ROLLBACK does not take it back: the workers have done it.$comment$;

REVOKE EXECUTE ON FUNCTION @extschema@.gman_sum(text, text) FROM PUBLIC;
