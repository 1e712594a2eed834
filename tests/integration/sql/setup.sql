CREATE TABLE leads (id int PRIMARY KEY, email text, "vacuum" text, name text, score int DEFAULT 0)
;;
CREATE TABLE orders (id int PRIMARY KEY, lead int, at timestamptz DEFAULT now(), total numeric)
;;
CREATE INDEX orders_lead ON orders (lead)
;;
CREATE INDEX orders_at ON orders (at)
;;
CREATE TABLE parts (id int, day int) PARTITION BY RANGE (day)
;;
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10)
;;
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20)
;;
CREATE TABLE "commit" ("begin" int, "rollback" text)
;;
CREATE MATERIALIZED VIEW totals AS SELECT id, sum(total) AS total FROM orders GROUP BY id
;;
CREATE UNIQUE INDEX totals_id ON totals (id)
;;
CREATE SCHEMA vacuum
;;
CREATE TABLE vacuum.cluster (id int)
;;
CREATE TYPE mood AS ENUM ('sad', 'ok')
;;
CREATE FUNCTION vacuum() RETURNS text LANGUAGE sql AS 'SELECT ''VACUUM'''
;;
CREATE PROCEDURE tidy() LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; END $$
;;
CREATE ROLE reader
;;
CREATE SUBSCRIPTION away CONNECTION 'host=127.0.0.1 port=1 dbname=x' PUBLICATION p WITH (connect = false)
;;
CREATE SUBSCRIPTION awake CONNECTION 'host=127.0.0.1 port=1 dbname=x' PUBLICATION p WITH (connect = false)
;;
ALTER SUBSCRIPTION awake ENABLE
;;
CREATE SUBSCRIPTION two CONNECTION 'host=127.0.0.1 port=1 dbname=x' PUBLICATION p, q WITH (connect = false)
;;
ALTER SUBSCRIPTION two ENABLE
