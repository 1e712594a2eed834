-- Back to the old schema; must also work when only part of the way up was gone.
DROP TABLE IF EXISTS leads;
DROP TABLE IF EXISTS lead_sources;
ALTER TABLE legacy_leads DROP COLUMN IF EXISTS moved_at;
