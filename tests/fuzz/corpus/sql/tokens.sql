SELECT 'a''b', E'c\'d', U&"n\0061me", $$ dollar $$, $tag$ ; $$ $tag$, X'0f', 1.5e-3, $1 -- to the end
/* one /* in one */ still */ FROM "Quoted""Name" WHERE n ?| ARRAY['a'] ;
INSERT INTO [odd name] VALUES (?1, :a, @b, `c`);
