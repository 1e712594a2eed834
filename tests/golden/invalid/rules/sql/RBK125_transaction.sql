-- A file that was written for psql.
BEGIN;
DROP TABLE orders;
COMMIT;
