CREATE TABLE gearbridge_job (
	id BIGINT NOT NULL COMMENT 'order of submission' AUTO_INCREMENT, 
	handle VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, 
	`function` VARCHAR(2048) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, 
	unique_key VARCHAR(1020) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'empty: none', 
	priority SMALLINT NOT NULL COMMENT '0 high, 1 normal, 2 low', 
	payload LONGBLOB NOT NULL, 
	due BIGINT NOT NULL COMMENT 'seconds since 1970 before which it must not run; 0: at once', 
	attempts INTEGER NOT NULL COMMENT 'how many workers were lost while they held it', 
	reducer VARCHAR(2048) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL COMMENT 'empty: none', 
	PRIMARY KEY (id), 
	UNIQUE (handle)
)ENGINE=InnoDB ROW_FORMAT=DYNAMIC;

CREATE TABLE gearbridge_schema (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
)ENGINE=InnoDB;

INSERT INTO gearbridge_schema (version) VALUES (1);
