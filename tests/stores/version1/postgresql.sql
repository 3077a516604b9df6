CREATE TABLE gearbridge_job (
	id BIGSERIAL NOT NULL, 
	handle VARCHAR(64) NOT NULL, 
	function VARCHAR(2048) NOT NULL, 
	unique_key VARCHAR(1020) NOT NULL, 
	priority SMALLINT NOT NULL, 
	payload BYTEA NOT NULL, 
	due BIGINT NOT NULL, 
	attempts INTEGER NOT NULL, 
	reducer VARCHAR(2048) NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (handle)
);

COMMENT ON COLUMN gearbridge_job.id IS 'order of submission';

COMMENT ON COLUMN gearbridge_job.unique_key IS 'empty: none';

COMMENT ON COLUMN gearbridge_job.priority IS '0 high, 1 normal, 2 low';

COMMENT ON COLUMN gearbridge_job.due IS 'seconds since 1970 before which it must not run; 0: at once';

COMMENT ON COLUMN gearbridge_job.attempts IS 'how many workers were lost while they held it';

COMMENT ON COLUMN gearbridge_job.reducer IS 'empty: none';

CREATE TABLE gearbridge_schema (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);

INSERT INTO gearbridge_schema (version) VALUES (1);
