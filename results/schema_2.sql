-- schema_2.sql: from version 1 to version 2: what shadow criteria would have dropped.

-- What a shadow criterion says of a drop: one row per request that acted and criterion. `asked` is the id of the request that the criterion would have
-- answered had it acted: same state, p and limits. Whether a row is shown is up to an experiment's plan_shadows.
CREATE TABLE shadows (
  request INTEGER NOT NULL REFERENCES requests,
  criterion INTEGER NOT NULL REFERENCES criteria,
  asked TEXT NOT NULL,
  answer INTEGER REFERENCES requests, -- its own request row; NULL: it gave no answer
  cause TEXT,                         -- and why: the name of an rp_status, or 'not applicable'
  message TEXT,
  PRIMARY KEY (request, criterion),
  CHECK ((answer IS NULL) = (cause IS NOT NULL))
) WITHOUT ROWID;
