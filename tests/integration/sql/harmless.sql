SELECT 1
;;
SELECT 'VACUUM'
;;
SELECT 'VACUUM; CREATE DATABASE x; COMMIT'
;;
SELECT 'it''s; VACUUM'
;;
SELECT ''''' ; VACUUM'''
;;
SELECT E'it\'s; VACUUM'
;;
SELECT e'\\' , 'COMMIT'
;;
SELECT 'a\' , 'COMMIT'
;;
SELECT E'a'
  'b\' ; VACUUM ' AS x
;;
SELECT 'a'
  'b;VACUUM'
;;
SELECT U&'d\0061t; VACUUM'
;;
SELECT U&"vacuum" FROM leads
;;
SELECT B'1010', X'1F', N'VACUUM; COMMIT'
;;
SELECT $$VACUUM; COMMIT$$
;;
SELECT $x$ VACUUM; $$ COMMIT; $y$ $x$
;;
SELECT $vacuum$it's "quoted"; /* $vacuum$
;;
SELECT $_a1$ -- ; VACUUM $_a1$
;;
SELECT "vacuum" FROM leads
;;
SELECT leads."vacuum" FROM leads
;;
SELECT "begin", "rollback" FROM "commit"
;;
SELECT "id" AS "CREATE INDEX CONCURRENTLY" FROM leads
;;
SELECT 1 AS "a""; VACUUM"
;;
SELECT id AS vacuum FROM leads
;;
SELECT id AS commit FROM orders
;;
SELECT vacuum FROM leads
;;
SELECT vacuum()
;;
SELECT * FROM vacuum.cluster
;;
INSERT INTO vacuum.cluster VALUES (1)
;;
SELECT 1 -- ; VACUUM
;;
SELECT 1 /* ; VACUUM */
;;
SELECT 1 /* a /* nested ; */ VACUUM; */ + 1
;;
-- VACUUM
SELECT 1
;;
/* VACUUM */ /* COMMIT; */ SELECT 1
;;
SELECT 1 --
, 2
;;
SELECT 2 --1

;;
SELECT 5-- -3

;;
SELECT 1/*a*//**/+/*--*/2
;;
SELECT '/*' , 1 , '*/'
;;
SELECT '--' , 'VACUUM'
;;
SELECT 1 --'
, 'VACUUM'
;;
SELECT a$b$c FROM (SELECT 1 AS a$b$c) AS x
;;
SELECT 1 AS x$1
;;
SELECT 1.5e3, .5, 1e-5, 0.1
;;
SELECT 1;;; SELECT 2;
;;
SELECT 1; SELECT 'VACUUM'; SELECT 3
;;
;SELECT 1
;;
SELECT count(*) FROM leads WHERE email LIKE '%;%'
;;
SELECT * FROM leads ORDER BY id LIMIT 5 OFFSET 1
;;
SELECT l.id, o.total FROM leads l JOIN orders o ON o.lead = l.id
;;
WITH vacuum AS (SELECT 1 AS id) SELECT * FROM vacuum
;;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n
;;
TABLE leads
;;
VALUES (1, 'VACUUM'), (2, 'COMMIT')
;;
(SELECT 1) UNION (SELECT 2)
;;
SELECT CASE WHEN true THEN 'END' ELSE 'BEGIN' END
;;
SELECT (array[1,2,3])[1:2]
;;
SELECT (ARRAY['a;b', 'c'])[1]
;;
SELECT '{"a": ";"}'::jsonb ->> 'a'
;;
SELECT '{"vacuum": 1}'::jsonb ? 'vacuum'
;;
SELECT 'a' || E'\n' || 'b'
;;
SELECT date '2026-01-01' + interval '1 day'
;;
SELECT 1 FOR UPDATE
;;
SELECT id FROM leads FOR UPDATE SKIP LOCKED
;;
SELECT pg_advisory_xact_lock(1)
;;
SELECT set_config('work_mem', '8MB', true)
;;
SELECT txid_current()
;;
SELECT generate_series(1, 3) AS checkpoint
;;
SELECT extract(epoch FROM now())
;;
SELECT x.y FROM (SELECT 1 AS y) x
;;
SELECT EXISTS (SELECT 1 FROM leads)
;;
SELECT 1 WHERE 1 <> 2 AND NOT false
;;
SELECT -1, +1, @ -5
;;
SELECT 5 # 3, 5 & 3, ~5, 1 << 2
;;
SELECT 'x' ~* '^V.*;$'
;;
INSERT INTO leads (id, email) VALUES (1, 'a;b')
;;
INSERT INTO leads (id, "vacuum") VALUES (2, 'VACUUM')
;;
INSERT INTO leads (id) VALUES (3) ON CONFLICT (id) DO NOTHING
;;
INSERT INTO leads (id, name) VALUES (4, 'x') ON CONFLICT (id) DO UPDATE SET name = excluded.name
;;
INSERT INTO orders (id, lead) SELECT id, id FROM leads
;;
INSERT INTO leads (id, name) VALUES (5, $$COMMIT;$$) RETURNING id
;;
INSERT INTO "commit" DEFAULT VALUES
;;
UPDATE leads SET name = 'VACUUM' WHERE id = 1
;;
UPDATE leads SET "vacuum" = 'COMMIT'
;;
UPDATE leads SET score = score + 1
;;
UPDATE leads l SET name = o.id::text FROM orders o WHERE o.lead = l.id
;;
DELETE FROM leads WHERE id = 1
;;
DELETE FROM leads
;;
DELETE FROM orders USING leads WHERE leads.id = orders.lead
;;
WITH gone AS (DELETE FROM orders RETURNING *) SELECT count(*) FROM gone
;;
TRUNCATE orders
;;
TRUNCATE TABLE leads, orders RESTART IDENTITY CASCADE
;;
MERGE INTO leads USING orders ON leads.id = orders.lead WHEN MATCHED THEN DELETE
;;
LOCK TABLE leads IN ACCESS EXCLUSIVE MODE
;;
LOCK leads
;;
EXPLAIN SELECT 1
;;
EXPLAIN (ANALYZE, COSTS off) UPDATE leads SET score = 1 WHERE id = 1
;;
COPY leads TO '/dev/null'
;;
COPY (SELECT 'FROM STDIN') TO '/dev/null'
;;
COPY leads (id, email) FROM '/dev/null'
;;
DECLARE vacuum CURSOR FOR SELECT 1; FETCH ALL FROM vacuum; CLOSE vacuum
;;
PREPARE vacuum AS SELECT $1::int; EXECUTE vacuum(1); DEALLOCATE vacuum
;;
PREPARE q (text) AS SELECT $1; DEALLOCATE q
;;
NOTIFY vacuum, 'COMMIT'
;;
LISTEN vacuum; UNLISTEN vacuum
;;
UNLISTEN *
;;
CREATE TABLE t (id int)
;;
CREATE TABLE IF NOT EXISTS t (id int, "commit" text)
;;
CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 1 AS a
;;
CREATE TABLE t (concurrently_done bool)
;;
CREATE UNLOGGED TABLE t (LIKE leads INCLUDING ALL)
;;
CREATE TABLE concurrently_1 (vacuum int)
;;
CREATE INDEX leads_email ON leads (email)
;;
CREATE INDEX ON leads (email)
;;
CREATE INDEX IF NOT EXISTS "concurrently" ON leads (email)
;;
CREATE UNIQUE INDEX leads_email ON leads (email)
;;
CREATE INDEX leads_c ON leads ((email || 'CONCURRENTLY'))
;;
DROP INDEX orders_lead
;;
DROP INDEX IF EXISTS "concurrently", no_such
;;
REINDEX INDEX orders_lead
;;
REINDEX TABLE orders
;;
REINDEX (VERBOSE) TABLE orders
;;
REINDEX (CONCURRENTLY false) TABLE orders
;;
REINDEX (CONCURRENTLY off, VERBOSE) INDEX orders_lead
;;
CLUSTER orders USING orders_lead
;;
CLUSTER VERBOSE orders USING orders_at
;;
CLUSTER orders_lead ON orders
;;
ANALYZE
;;
ANALYZE leads (email)
;;
ANALYZE VERBOSE leads
;;
REFRESH MATERIALIZED VIEW totals
;;
REFRESH MATERIALIZED VIEW CONCURRENTLY totals
;;
ALTER TABLE leads ADD COLUMN vacuum_at timestamptz
;;
ALTER TABLE leads DROP COLUMN name
;;
ALTER TABLE leads ALTER COLUMN email SET NOT NULL
;;
ALTER TABLE leads ALTER COLUMN email DROP NOT NULL, ALTER score DROP DEFAULT
;;
ALTER TABLE leads RENAME COLUMN name TO "commit"
;;
ALTER TABLE leads RENAME TO concurrently_leads
;;
ALTER TABLE leads ADD CONSTRAINT "begin" CHECK (score >= 0) NOT VALID
;;
ALTER TABLE parts DETACH PARTITION parts_1
;;
ALTER TABLE parts DETACH PARTITION "parts_2"
;;
ALTER TABLE leads SET (autovacuum_enabled = false)
;;
ALTER TABLE leads CLUSTER ON leads_pkey
;;
ALTER TABLE leads SET TABLESPACE pg_default
;;
ALTER INDEX orders_lead RENAME TO "concurrently"
;;
ALTER TYPE mood ADD VALUE 'happy'
;;
ALTER TYPE mood RENAME VALUE 'ok' TO 'VACUUM'
;;
ALTER DATABASE postgres SET work_mem = '8MB'
;;
ALTER DATABASE postgres RESET work_mem
;;
ALTER DATABASE postgres CONNECTION LIMIT 50
;;
ALTER ROLE reader SET search_path = vacuum
;;
ALTER TABLESPACE pg_default SET (random_page_cost = 2)
;;
DROP TABLE leads
;;
DROP TABLE IF EXISTS orders, "commit" CASCADE
;;
DROP SCHEMA vacuum CASCADE
;;
DROP MATERIALIZED VIEW totals
;;
DROP TYPE mood
;;
DROP FUNCTION vacuum()
;;
DROP OWNED BY reader
;;
CREATE SCHEMA IF NOT EXISTS cluster
;;
CREATE SCHEMA s CREATE TABLE t (id int) CREATE VIEW v AS SELECT 1 AS a
;;
CREATE VIEW v AS SELECT 'VACUUM' AS "VACUUM"
;;
CREATE SEQUENCE checkpoint
;;
CREATE EXTENSION IF NOT EXISTS plpgsql
;;
CREATE TYPE pair AS ("begin" int, "end" int)
;;
CREATE DOMAIN vacuum_text AS text CHECK (value <> 'VACUUM')
;;
CREATE ROLE "vacuum"
;;
GRANT SELECT ON leads TO reader
;;
REVOKE ALL ON leads FROM PUBLIC
;;
COMMENT ON TABLE leads IS 'VACUUM; COMMIT'
;;
COMMENT ON COLUMN leads.email IS $$it's$$
;;
COMMENT ON INDEX orders_lead IS NULL
;;
CREATE RULE quiet AS ON DELETE TO leads DO ALSO (SELECT 1; SELECT 'VACUUM')
;;
CREATE STATISTICS stat ON id, email FROM leads
;;
CREATE PUBLICATION "begin" FOR TABLE leads
;;
CREATE POLICY "vacuum" ON leads USING (true)
;;
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$
;;
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1; SELECT 2'
;;
CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END
;;
CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT CASE a WHEN 1 THEN 2 ELSE 3 END; END; SELECT f(1)
;;
CREATE OR REPLACE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
    -- VACUUM;
    PERFORM 1;
    RAISE NOTICE 'COMMIT; %', $$x$$;
END;
$body$
;;
CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$
;;
CREATE PROCEDURE p() LANGUAGE sql BEGIN ATOMIC INSERT INTO orders (id) VALUES (9); DELETE FROM orders WHERE id = 9; END
;;
CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$; CREATE TRIGGER "vacuum" BEFORE INSERT ON leads FOR EACH ROW EXECUTE FUNCTION t()
;;
CALL tidy()
;;
DO $$ BEGIN PERFORM 'VACUUM'; END $$
;;
DO $do$ BEGIN EXECUTE 'SELECT $$;$$'; END $do$
;;
DO LANGUAGE plpgsql 'BEGIN PERFORM 1; END'
;;
DO $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT id FROM leads LOOP
        UPDATE leads SET score = 1 WHERE id = r.id;
    END LOOP;
END
$$
;;
DO $$ BEGIN BEGIN PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN NULL; END; END $$
;;
SET work_mem = '8MB'
;;
SET LOCAL statement_timeout = 1000
;;
SET SESSION vacuum_cost_delay = 0
;;
RESET work_mem
;;
SHOW work_mem
;;
SET search_path TO vacuum, public
;;
SET TRANSACTION ISOLATION LEVEL SERIALIZABLE
;;
SET CONSTRAINTS ALL DEFERRED
;;
SET ROLE reader; RESET ROLE
;;
SAVEPOINT vacuum
;;
SAVEPOINT a; SELECT 1; ROLLBACK TO a
;;
SAVEPOINT a; ROLLBACK TO SAVEPOINT a; RELEASE a
;;
SAVEPOINT a; ROLLBACK WORK TO a; RELEASE SAVEPOINT a
;;
DISCARD PLANS
;;
DISCARD TEMP
;;
DISCARD SEQUENCES
;;
CHECKPOINT
;;
LOAD 'plpgsql'
;;
ALTER SUBSCRIPTION away DISABLE
;;
ALTER SUBSCRIPTION away SET (slot_name = NONE)
;;
ALTER SUBSCRIPTION away SET (slot_name = NONE); DROP SUBSCRIPTION away
;;
ALTER SUBSCRIPTION awake SET PUBLICATION q WITH (refresh = false)
;;
ALTER SUBSCRIPTION awake ADD PUBLICATION q WITH (copy_data = false, refresh = off)
;;
ALTER SUBSCRIPTION awake CONNECTION 'host=127.0.0.1 port=1 dbname=y'
;;
CREATE SUBSCRIPTION near CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false)
;;
CREATE SUBSCRIPTION near CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH (slot_name = NONE, enabled = false, create_slot = false, connect = false)
