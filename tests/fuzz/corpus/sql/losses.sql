BEGIN; DROP TABLE IF EXISTS public.a, "B" CASCADE; TRUNCATE a, b; DELETE FROM only_this; COMMIT;
UPDATE t SET n = 0; ALTER TABLE t DROP COLUMN x, ADD y int; CREATE INDEX CONCURRENTLY i ON t(n);
\copy t from 'f'
PRAGMA journal_mode = wal; VACUUM; DROP OWNED BY someone; COPY t FROM STDIN; 'never closed
