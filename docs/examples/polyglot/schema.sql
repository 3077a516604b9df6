-- Each new customer gets a welcome mail, whatever program adds him; a rollback sends none.
CREATE TABLE customer (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    email text NOT NULL UNIQUE
);

CREATE TRIGGER welcome AFTER INSERT ON customer
    FOR EACH ROW EXECUTE FUNCTION gman_enqueue_row('welcome', 'columns=name,email');
