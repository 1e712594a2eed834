-- What the plan starts from: a legacy table with rows as they are found in the wild.
CREATE TABLE legacy_leads (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email      text NOT NULL,
    name       text NOT NULL,
    source     text,
    score      integer NOT NULL,
    created_at timestamptz NOT NULL
);
INSERT INTO legacy_leads (email, name, source, score, created_at)
SELECT 'Lead' || n || '@Example.com ', 'Lead ' || n,
       (ARRAY['web', 'fair', '', NULL, 'partner'])[n % 5 + 1], n % 120 - 10,
       timestamptz '2025-01-01 00:00:00+00' + n * interval '1 hour'
  FROM generate_series(1, 500) AS n;
