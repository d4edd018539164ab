-- Documents, their vectors, and what is still to be embedded.
--
-- A document belongs to a tenant; `key` is its number in all other tables and never used again, `revision` counts changes of its text. A **set** holds
-- the vectors of one fingerprint: a change of the model is a new set beside the old one, and `serving` says which of them readers use, so that the
-- switch and the way back are one UPDATE of one row.
--
-- A row of `jobs` is the promise to embed a document for a set. Triggers write it together with the document, so neither is ever without the other: this
-- is the outbox, and messages of a queue only say that it is worth a look. A job is claimed by an UPDATE until `free_at`, and deleted in the batch
-- that writes the vectors. No job and a vector of the same content: embedded.
--
-- `vectors` has one row a document and set. Its lexical weights are indexed in `postings`, again by triggers: what search reads cannot differ from
-- what was written. What left a set and may also lie in a store outside of D1 is noted in `removals`.
--
-- Times are seconds of this database's own clock.

CREATE TABLE tenants (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
);

CREATE TABLE documents (
  key INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant INTEGER NOT NULL,              -- tenants.id
  id TEXT NOT NULL,                     -- the caller's, unique in the tenant
  text TEXT NOT NULL,
  metadata TEXT NOT NULL DEFAULT '{}',  -- a JSON object
  content_hash TEXT NOT NULL,           -- sha256 of the text's UTF-8, 64 hex digits
  revision INTEGER NOT NULL DEFAULT 1,
  updated_at INTEGER NOT NULL DEFAULT (unixepoch()),
  UNIQUE (tenant, id)
);

CREATE TABLE vector_sets (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  fingerprint TEXT NOT NULL UNIQUE,     -- of the model, 16 hex digits
  created_at INTEGER NOT NULL DEFAULT (unixepoch()),
  seen_at INTEGER NOT NULL DEFAULT (unixepoch()), -- when a Worker with this model last ran; a set that nobody serves or makes is swept later
  planned_to INTEGER NOT NULL DEFAULT 0,          -- documents.key up to which the plan has compared; 0 before and after a walk
  planned_at INTEGER                              -- end of the last walk; NULL: never, the set may lack documents
);

CREATE TABLE serving (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  set_id INTEGER,                       -- vector_sets.id that readers use; NULL: none yet
  previous_set_id INTEGER,              -- used before: the way back
  refused_set_id INTEGER,               -- left by a rollback: no switch to it but by hand
  switched_at INTEGER
);
INSERT INTO serving (only_row) VALUES (1);

CREATE TABLE jobs (
  set_id INTEGER NOT NULL,
  document INTEGER NOT NULL,            -- documents.key
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'failed')),
  attempts INTEGER NOT NULL DEFAULT 0,  -- counted when claimed, so that a crash counts
  last_error TEXT,
  claim TEXT,                           -- of the consumer that embeds it, until free_at
  free_at INTEGER NOT NULL DEFAULT 0,   -- end of the claim, or of the wait after a failure
  hinted_at INTEGER NOT NULL DEFAULT 0, -- when a message was last sent
  PRIMARY KEY (set_id, document)
) WITHOUT ROWID;
CREATE INDEX jobs_by_state ON jobs (set_id, state, document);

CREATE TABLE vectors (
  set_id INTEGER NOT NULL,
  document INTEGER NOT NULL,            -- documents.key
  tenant INTEGER NOT NULL,
  content_hash TEXT NOT NULL,           -- of the text that was embedded; differs from the document's while a job waits
  revision INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  dense BLOB NOT NULL,                  -- unit vector, little-endian float16
  sparse TEXT NOT NULL,                 -- {"token id": weight}
  colbert BLOB,                         -- NULL unless kept: a row a token, little-endian: float16 factor, then a bit a dimension
  external_id TEXT,                     -- id in stores outside of D1; NULL: there are none
  embedded_at INTEGER NOT NULL DEFAULT (unixepoch()),
  UNIQUE (set_id, document)
);
CREATE INDEX vectors_by_time ON vectors (set_id, embedded_at);

-- Search asks for (set, tenant, token) and wants all documents with weights.
CREATE TABLE postings (
  set_id INTEGER NOT NULL,
  tenant INTEGER NOT NULL,
  token INTEGER NOT NULL,
  document INTEGER NOT NULL,
  weight REAL NOT NULL,
  PRIMARY KEY (set_id, tenant, token, document)
) WITHOUT ROWID;

CREATE TABLE removals (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  external_id TEXT NOT NULL
);

CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TRIGGER documents_inserted AFTER INSERT ON documents BEGIN
  INSERT INTO jobs (set_id, document) SELECT id, new.key FROM vector_sets;
END;

-- A new text begins anew: no claim, no attempts. Whoever embeds the old one can no longer write it.
CREATE TRIGGER documents_changed AFTER UPDATE OF content_hash ON documents WHEN old.content_hash <> new.content_hash BEGIN
  DELETE FROM jobs WHERE document = new.key AND set_id IN (SELECT id FROM vector_sets);
  INSERT INTO jobs (set_id, document) SELECT id, new.key FROM vector_sets;
END;

CREATE TRIGGER documents_deleted AFTER DELETE ON documents BEGIN
  DELETE FROM jobs WHERE document = old.key AND set_id IN (SELECT id FROM vector_sets);
  DELETE FROM vectors WHERE document = old.key AND set_id IN (SELECT id FROM vector_sets);
END;

CREATE TRIGGER vectors_inserted AFTER INSERT ON vectors BEGIN
  INSERT INTO postings (set_id, tenant, token, document, weight)
    SELECT new.set_id, new.tenant, CAST(key AS INTEGER), new.document, value FROM json_each(new.sparse);
END;

CREATE TRIGGER vectors_updated AFTER UPDATE ON vectors BEGIN
  DELETE FROM postings WHERE set_id = old.set_id AND tenant = old.tenant AND document = old.document
    AND token IN (SELECT CAST(key AS INTEGER) FROM json_each(old.sparse));
  INSERT INTO postings (set_id, tenant, token, document, weight)
    SELECT new.set_id, new.tenant, CAST(key AS INTEGER), new.document, value FROM json_each(new.sparse);
  INSERT INTO removals (external_id) SELECT old.external_id WHERE old.external_id <> COALESCE(new.external_id, '');
END;

CREATE TRIGGER vectors_deleted AFTER DELETE ON vectors BEGIN
  DELETE FROM postings WHERE set_id = old.set_id AND tenant = old.tenant AND document = old.document
    AND token IN (SELECT CAST(key AS INTEGER) FROM json_each(old.sparse));
  INSERT INTO removals (external_id) SELECT old.external_id WHERE old.external_id IS NOT NULL;
END;
