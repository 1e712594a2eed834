-- The database every example starts from.
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
INSERT INTO customers (name, email) VALUES
    ('Ada Lovelace', 'ada@example.com'), ('Grace Hopper', 'grace@example.com'),
    ('Edsger Dijkstra', 'edsger@example.com'), ('Barbara Liskov', 'barbara@example.com'),
    ('Leslie Lamport', 'leslie@example.com');
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, total INTEGER NOT NULL, failed INTEGER NOT NULL DEFAULT 0);
INSERT INTO orders (customer, total) VALUES (1, 1200), (2, 350), (2, 990), (3, 4200), (5, 15);
