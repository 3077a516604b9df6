CREATE TABLE gearbridge_job (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	handle VARCHAR(64) NOT NULL, 
	function VARCHAR(2048) NOT NULL, 
	unique_key VARCHAR(1020) NOT NULL, 
	priority SMALLINT NOT NULL, 
	payload BLOB NOT NULL, 
	due BIGINT NOT NULL, 
	attempts INTEGER NOT NULL, 
	reducer VARCHAR(2048) NOT NULL, 
	UNIQUE (handle)
);

CREATE TABLE gearbridge_schema (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);

INSERT INTO gearbridge_schema (version) VALUES (1);
