-- schema.sql: the tables, version 1 (schema_2.sql and so on bring them up to date). Private: people's own SQL reads the views of views.sql.
--
-- What refers to each other does so by integer keys; ids (content digests, hex) stand once each. A state or an answer to a drop request is known per
-- environment, since other libraries or instruction sets may give other bits. NULL = not measured.

-- What can change numbers. `identity` is the digest of the five columns behind it.
CREATE TABLE environments (
  environment INTEGER PRIMARY KEY,
  identity TEXT NOT NULL UNIQUE,
  instruction_set TEXT NOT NULL,
  libraries TEXT NOT NULL,
  compiler TEXT NOT NULL,
  flags TEXT NOT NULL,
  source_digest TEXT NOT NULL
);

-- The rest of where a state came from.
CREATE TABLE origins (
  origin INTEGER PRIMARY KEY,
  git_commit TEXT NOT NULL,
  cpu TEXT NOT NULL,
  host TEXT NOT NULL,
  UNIQUE (git_commit, cpu, host)
);

CREATE TABLE plugins (
  plugin INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  file_hash TEXT NOT NULL,
  path TEXT,                     -- where it was found first
  UNIQUE (name, version, file_hash)
);

CREATE TABLE criteria (
  criterion INTEGER PRIMARY KEY,
  plugin INTEGER NOT NULL REFERENCES plugins,
  options_json TEXT NOT NULL,
  UNIQUE (plugin, options_json)
);

CREATE TABLE trials (
  trial INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  seed INTEGER NOT NULL,
  scheme TEXT NOT NULL,
  ranker TEXT,
  s1 INTEGER, s2 INTEGER, n INTEGER,
  p REAL,
  model TEXT NOT NULL,
  data TEXT NOT NULL,
  validation_ranks INTEGER NOT NULL,
  config_json TEXT NOT NULL,
  epochs INTEGER NOT NULL,
  status TEXT NOT NULL DEFAULT 'pending',
  cause TEXT,                    -- why it failed: the name of an rp_status
  message TEXT
);

CREATE TABLE params (
  trial INTEGER NOT NULL REFERENCES trials,
  key TEXT NOT NULL,
  value TEXT,
  PRIMARY KEY (trial, key)
) WITHOUT ROWID;

CREATE TABLE experiments (
  experiment INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
);

-- One row per distinct configuration of an experiment; the highest `sequence` is its newest plan.
CREATE TABLE plans (
  plan INTEGER PRIMARY KEY,
  experiment INTEGER NOT NULL REFERENCES experiments,
  digest TEXT NOT NULL,
  sequence INTEGER NOT NULL UNIQUE,
  config_json TEXT,
  file TEXT,
  planned_at TEXT NOT NULL,
  UNIQUE (experiment, digest)
);

CREATE TABLE plan_trials (
  plan INTEGER NOT NULL REFERENCES plans,
  ordinal INTEGER NOT NULL,
  trial INTEGER NOT NULL REFERENCES trials,
  arm TEXT NOT NULL,
  is_baseline INTEGER NOT NULL,
  baseline INTEGER REFERENCES trials,
  differs_json TEXT NOT NULL,
  PRIMARY KEY (plan, ordinal)
) WITHOUT ROWID;

CREATE TABLE plan_shadows (
  plan INTEGER NOT NULL REFERENCES plans,
  criterion INTEGER NOT NULL REFERENCES criteria,
  PRIMARY KEY (plan, criterion)
) WITHOUT ROWID;

CREATE TABLE states (
  state INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  environment INTEGER NOT NULL REFERENCES environments,
  origin INTEGER NOT NULL REFERENCES origins,
  computed_at TEXT NOT NULL,
  parent INTEGER REFERENCES states,
  op TEXT NOT NULL,
  op_version INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  cycle INTEGER NOT NULL,
  phase TEXT NOT NULL CHECK (phase IN ('full', 'sub')),
  digest TEXT NOT NULL,
  lr REAL, train_loss REAL, train_acc REAL, images_per_second REAL,
  val_loss REAL, val_acc REAL, test_loss REAL, test_acc REAL,
  test_acc_bn REAL, val_acc_bn REAL,
  ortho_sum REAL, ortho_mean REAL,
  active_filters INTEGER,
  regrown INTEGER,
  constraints_asked INTEGER, constraints_met INTEGER, max_cos_left REAL,
  seconds REAL,
  checkpoint_bytes INTEGER NOT NULL,
  UNIQUE (id, environment)
);

CREATE TABLE layers (
  state INTEGER NOT NULL REFERENCES states,
  position INTEGER NOT NULL,
  layer TEXT NOT NULL,
  ortho_mean REAL, opposite_share REAL,
  active_filters INTEGER,
  dead_filters INTEGER,
  PRIMARY KEY (state, position)
) WITHOUT ROWID;

-- `position` is the filter's place in the net, layer-major.
CREATE TABLE scores (
  state INTEGER NOT NULL REFERENCES states,
  criterion INTEGER NOT NULL REFERENCES criteria,
  position INTEGER NOT NULL,
  layer TEXT NOT NULL,
  filter INTEGER NOT NULL,
  score REAL NOT NULL,
  PRIMARY KEY (state, criterion, position)
) WITHOUT ROWID;

CREATE TABLE requests (
  request INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  environment INTEGER NOT NULL REFERENCES environments,
  origin INTEGER NOT NULL REFERENCES origins,
  computed_at TEXT NOT NULL,
  state INTEGER NOT NULL REFERENCES states,
  criterion INTEGER NOT NULL REFERENCES criteria,
  p REAL,
  limits_json TEXT NOT NULL,
  gate INTEGER NOT NULL,
  n_filters INTEGER NOT NULL,
  count INTEGER NOT NULL,
  limits_used INTEGER NOT NULL,
  ties_at_cut INTEGER NOT NULL,
  seconds REAL,
  UNIQUE (id, environment)
);

-- Filters that were ranked or dropped.
CREATE TABLE request_filters (
  request INTEGER NOT NULL REFERENCES requests,
  position INTEGER NOT NULL,
  layer TEXT NOT NULL,
  filter INTEGER NOT NULL,
  rank INTEGER,
  dropped INTEGER NOT NULL,
  PRIMARY KEY (request, position)
) WITHOUT ROWID;

CREATE TABLE paths (
  trial INTEGER NOT NULL REFERENCES trials,
  step INTEGER NOT NULL,
  state INTEGER NOT NULL REFERENCES states,
  request INTEGER REFERENCES requests,
  PRIMARY KEY (trial, step)
) WITHOUT ROWID;

CREATE INDEX paths_by_state ON paths (state);

-- 97.5 % quantiles of Student's t, for the confidence intervals of v_curves; filled by the program that creates the file.
CREATE TABLE t_quantiles (
  df INTEGER PRIMARY KEY,
  t REAL NOT NULL
);
