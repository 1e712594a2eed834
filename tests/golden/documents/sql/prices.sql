-- Prices in cents.
ALTER TABLE prices ADD COLUMN cents integer;
UPDATE prices SET cents = round(price * 100);
