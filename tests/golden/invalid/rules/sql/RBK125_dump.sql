CREATE TABLE orders (id int, note text);
COPY orders (id, note) FROM stdin;
1	VACUUM;
2	it's
3	\N
\.
CREATE INDEX CONCURRENTLY orders_id
    ON orders (id);
SELECT count(*) FROM orders \gset
