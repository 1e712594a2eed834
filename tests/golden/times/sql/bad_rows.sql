-- The share of moved rows that cannot be right.
SELECT coalesce(avg((email NOT LIKE '%_@_%' OR full_name = '')::integer), 0) FROM leads
