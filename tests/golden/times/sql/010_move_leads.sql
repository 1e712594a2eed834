-- The new schema: e-mail addresses in lower case and unique, sources in a table of their own. The
-- legacy rows stay where they are until `retire` drops them, so the way down is short.
CREATE TABLE lead_sources (
    id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE
);

INSERT INTO lead_sources (name)
SELECT DISTINCT coalesce(nullif(trim(source), ''), 'unknown')
  FROM legacy_leads
 ORDER BY 1;

CREATE TABLE leads (
    id         bigint PRIMARY KEY,
    email      text NOT NULL,
    full_name  text NOT NULL,
    source     integer NOT NULL REFERENCES lead_sources (id),
    score      integer NOT NULL CHECK (score BETWEEN 0 AND 100),
    created_at timestamptz NOT NULL
);

INSERT INTO leads (id, email, full_name, source, score, created_at)
SELECT l.id, lower(trim(l.email)), trim(l.name), s.id, least(greatest(l.score, 0), 100), l.created_at
  FROM legacy_leads l
  JOIN lead_sources s ON s.name = coalesce(nullif(trim(l.source), ''), 'unknown');

-- Writers of the old table see at once that it is the old one.
ALTER TABLE legacy_leads ADD COLUMN moved_at timestamptz NOT NULL DEFAULT now();
