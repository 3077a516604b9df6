-- Run once, when the database is made: a second database, whose jobs a bridge takes to the job server.
CREATE DATABASE orders;
\connect orders
CREATE EXTENSION gearbridge;
