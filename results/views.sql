-- views.sql: the contract for people's own SQL. Units stand in the names; accuracies are fractions; times are UTC; NULL = not measured.
-- Where experiments describe one and the same trial in different keys, it shows those of the newest plan.
-- The views show each experiment's newest plan, and repeat a state's rows for every trial whose path contains it (rule 28).

DROP VIEW IF EXISTS v_trials;
DROP VIEW IF EXISTS v_params;
DROP VIEW IF EXISTS v_curves;
DROP VIEW IF EXISTS v_epochs;
DROP VIEW IF EXISTS v_events;
DROP VIEW IF EXISTS v_filters;
DROP VIEW IF EXISTS v_layers;
DROP VIEW IF EXISTS shadow_results;
DROP VIEW IF EXISTS plan_drops;
DROP VIEW IF EXISTS plan_members;
DROP VIEW IF EXISTS trial_results;

-- Private: the trials of every experiment's newest plan.
CREATE VIEW plan_members AS
SELECT e.name AS experiment, m.plan, m.ordinal, m.arm, m.is_baseline, m.baseline AS baseline_key, m.trial AS trial_key, t.id AS trial,
  t.seed, t.scheme, t.ranker, t.s1, t.s2, t.n, t.p, t.model, t.data, t.validation_ranks, t.config_json, t.epochs, t.status, t.cause, t.message
FROM experiments e
JOIN plans p ON p.experiment = e.experiment
  AND p.sequence = (SELECT max(q.sequence) FROM plans q WHERE q.experiment = e.experiment)
JOIN plan_trials m ON m.plan = p.plan
JOIN trials t ON t.trial = m.trial;

-- Private: the numbers of rule 21. The final full phase ends with the last full epoch and starts after the last sub-network state before it.
CREATE VIEW trial_results AS
WITH trained AS (
  SELECT p.trial, s.epoch, s.phase, s.test_acc, s.val_acc FROM paths p JOIN states s ON s.state = p.state WHERE s.op = 'train'
), last_full AS (
  SELECT trial, max(epoch) AS epoch FROM trained WHERE phase = 'full' GROUP BY trial
), last_sub AS (
  SELECT p.trial, max(s.epoch) AS epoch
  FROM last_full f JOIN paths p ON p.trial = f.trial JOIN states s ON s.state = p.state
  WHERE s.phase = 'sub' AND s.epoch < f.epoch GROUP BY p.trial
), headlines AS (
  SELECT t.trial, avg(t.test_acc) AS test_acc, count(t.test_acc) AS n_epochs
  FROM last_full f JOIN trained t ON t.trial = f.trial LEFT JOIN last_sub b ON b.trial = f.trial
  WHERE t.phase = 'full' AND t.epoch > coalesce(b.epoch, 0) AND t.epoch > f.epoch - 5
  GROUP BY t.trial
), best AS (
  SELECT trial, epoch, test_acc,
    row_number() OVER (PARTITION BY trial ORDER BY val_acc DESC, epoch) AS place
  FROM trained WHERE phase = 'full' AND val_acc IS NOT NULL
), last AS (
  SELECT trial, epoch, test_acc, row_number() OVER (PARTITION BY trial ORDER BY epoch DESC) AS place FROM trained
)
SELECT t.trial, coalesce(l.epoch, 0) AS epochs_done,
  CASE WHEN t.status = 'done' THEN h.test_acc END AS headline_test_acc,
  CASE WHEN t.status = 'done' THEN h.n_epochs END AS headline_epochs,
  CASE WHEN t.status = 'done' THEN l.test_acc END AS last_test_acc,
  CASE WHEN t.status = 'done' THEN b.test_acc END AS best_val_test_acc,
  CASE WHEN t.status = 'done' THEN b.epoch END AS best_val_epoch
FROM trials t
LEFT JOIN headlines h ON h.trial = t.trial
LEFT JOIN last l ON l.trial = t.trial AND l.place = 1
LEFT JOIN best b ON b.trial = t.trial AND b.place = 1;

-- One row per trial. The three accuracies are NULL until the trial is done. headline: mean over the last (up to) five epochs of the final full phase.
CREATE VIEW v_trials AS
SELECT m.experiment, m.arm, m.trial, m.seed, m.scheme, m.ranker, m.s1, m.s2, m.n, m.p, m.model, m.data, m.config_json, m.status,
  r.epochs_done, r.headline_test_acc, r.last_test_acc, r.best_val_test_acc
FROM plan_members m JOIN trial_results r ON r.trial = m.trial_key
ORDER BY m.experiment, m.ordinal;

-- Every key of every trial's configuration, flattened: scheme.ranker.name, scheme.s1, …
CREATE VIEW v_params AS
SELECT t.id AS trial, p.key, p.value
FROM params p JOIN trials t ON t.trial = p.trial
WHERE t.trial IN (SELECT trial_key FROM plan_members)
ORDER BY t.id, p.key;

-- One row per trial and epoch; epoch 0 is the initial state, evaluated only. lr: of the epoch's first step.
CREATE VIEW v_epochs AS
SELECT m.experiment, m.arm, m.trial, m.seed, m.scheme, m.ranker, m.s1, m.s2, m.n, m.p, s.epoch, s.phase, s.lr, s.train_loss, s.train_acc,
  s.val_loss, s.val_acc, s.test_loss, s.test_acc, s.ortho_sum, s.ortho_mean, s.active_filters, s.images_per_second
FROM plan_members m JOIN paths p ON p.trial = m.trial_key JOIN states s ON s.state = p.state
WHERE s.op IN ('init', 'train')
ORDER BY m.experiment, m.ordinal, s.epoch;

-- Test accuracy over seeds. n is the number of distinct seeds (rule 24); sd has n - 1 below; the 95 % interval is Student's. Both are NULL for one seed.
CREATE VIEW v_curves AS
WITH per_seed AS (
  SELECT experiment, arm, epoch, seed, avg(test_acc) AS value FROM v_epochs WHERE test_acc IS NOT NULL GROUP BY experiment, arm, epoch, seed
), means AS (
  SELECT experiment, arm, epoch, count(*) AS n, avg(value) AS mean, min(value) AS min, max(value) AS max
  FROM per_seed GROUP BY experiment, arm, epoch
), spread AS (
  SELECT m.experiment, m.arm, m.epoch, m.n, m.mean, m.min, m.max,
    CASE WHEN m.n > 1 THEN sqrt(sum((s.value - m.mean) * (s.value - m.mean)) / (m.n - 1)) END AS sd,
    (SELECT q.t FROM t_quantiles q WHERE q.df <= m.n - 1 ORDER BY q.df DESC LIMIT 1) AS t
  FROM means m JOIN per_seed s ON s.experiment = m.experiment AND s.arm = m.arm AND s.epoch = m.epoch
  GROUP BY m.experiment, m.arm, m.epoch
)
SELECT experiment, arm, epoch, n, mean, sd, min, max, mean - t * sd / sqrt(n) AS ci_low, mean + t * sd / sqrt(n) AS ci_high
FROM spread;

-- One row per drop and regrow. `cycle` counts drops. `dropped`: filters that this drop took, or that this regrow gave back. Accuracies are those of the net as
-- it stood just before and just after. test_acc_after_bn, val_acc_after_bn: after a regrow, with the regrown channels' BN statistics re-estimated on up to
-- 5,000 training images, which the net itself does not take over (rule 23); NULL where no BN channel was regrown. `seconds` includes ranking and measuring.
CREATE VIEW v_events AS
SELECT m.experiment, m.arm, m.trial, m.seed, s.epoch, s.cycle, s.op AS event,
  CASE WHEN s.op = 'drop' THEN d.count ELSE s.regrown END AS dropped,
  b.test_acc AS test_acc_before, s.test_acc AS test_acc_after, s.test_acc_bn AS test_acc_after_bn, b.val_acc AS val_acc_before, s.val_acc AS val_acc_after,
  s.val_acc_bn AS val_acc_after_bn, d.limits_used, d.ties_at_cut, s.constraints_asked, s.constraints_met, s.max_cos_left, s.seconds
FROM plan_members m JOIN paths p ON p.trial = m.trial_key JOIN states s ON s.state = p.state
LEFT JOIN states b ON b.state = s.parent
LEFT JOIN requests d ON d.request = p.request
WHERE s.op NOT IN ('init', 'train')
ORDER BY m.experiment, m.ordinal, p.step;

-- Private: the drops on the paths of every experiment's newest plan. `request` is what acted.
CREATE VIEW plan_drops AS
SELECT m.experiment, m.arm, m.trial, m.seed, m.plan, m.ordinal, p.step, s.epoch, s.cycle, d.request, d.criterion
FROM plan_members m JOIN paths p ON p.trial = m.trial_key JOIN states s ON s.state = p.state JOIN requests d ON d.request = p.request;

-- One row per drop, ranker and filter that it ranked: the ranker that acted (acting 1), and the experiment's shadow rankers on the same state (acting 0).
-- rank: 1 = most important, ties as they were broken (NULL: it was no candidate, being marked already). dropped: whether this ranker drops the filter then
-- under the drop's p and limits; only the acting one's are dropped. options: JSON of all that decides scores besides the state: `options`, `normalise`,
-- `score`.
CREATE VIEW v_filters AS
WITH rankings AS (
  SELECT d.*, d.request AS answer, d.criterion AS shown, 1 AS acting FROM plan_drops d
  UNION ALL
  SELECT d.*, h.answer, h.criterion AS shown, 0 AS acting
  FROM plan_drops d JOIN plan_shadows w ON w.plan = d.plan AND w.criterion <> d.criterion
  JOIN shadows h ON h.request = d.request AND h.criterion = w.criterion AND h.answer IS NOT NULL
)
SELECT r.experiment, r.arm, r.trial, r.seed, r.epoch, r.cycle, g.name AS ranker, r.acting, c.layer, c.filter, c.score, f.rank,
  coalesce(f.dropped, 0) AS dropped, k.options_json AS options
FROM rankings r
JOIN criteria k ON k.criterion = r.shown
JOIN plugins g ON g.plugin = k.plugin
JOIN requests a ON a.request = r.answer
JOIN scores c ON c.state = a.state AND c.criterion = r.shown
LEFT JOIN request_filters f ON f.request = r.answer AND f.position = c.position
ORDER BY r.experiment, r.ordinal, r.step, r.acting DESC, r.shown, c.position;

-- Private: how each shadow ranker fared at each drop: 'scored', 'not applicable', 'failed', or 'missing': not asked yet. seconds: of its own, without the
-- passes over images that it shared. Scoring data can differ between trials; a shadow ranker goes with the drops that have its own.
CREATE VIEW shadow_results AS
SELECT d.experiment, d.ordinal, d.arm, d.trial, d.seed, d.step, d.epoch, d.cycle, w.criterion, g.name AS ranker, k.options_json AS options,
  CASE WHEN h.answer IS NOT NULL THEN 'scored' WHEN h.cause = 'not applicable' THEN h.cause WHEN h.cause IS NOT NULL THEN 'failed' ELSE 'missing' END
    AS outcome,
  h.message, a.seconds
FROM plan_drops d
JOIN plan_shadows w ON w.plan = d.plan AND w.criterion <> d.criterion
JOIN criteria k ON k.criterion = w.criterion
JOIN plugins g ON g.plugin = k.plugin
JOIN criteria o ON o.criterion = d.criterion
LEFT JOIN shadows h ON h.request = d.request AND h.criterion = w.criterion
LEFT JOIN requests a ON a.request = h.answer
WHERE json_extract(k.options_json, '$.score') IS json_extract(o.options_json, '$.score')
ORDER BY d.experiment, d.ordinal, d.step, w.criterion;

-- One row per trial, epoch and conv layer (rule 22).
CREATE VIEW v_layers AS
SELECT m.experiment, m.arm, m.trial, m.seed, s.epoch, l.layer, l.ortho_mean, l.opposite_share, l.active_filters, l.dead_filters
FROM plan_members m JOIN paths p ON p.trial = m.trial_key JOIN states s ON s.state = p.state JOIN layers l ON l.state = s.state
WHERE s.op IN ('init', 'train')
ORDER BY m.experiment, m.ordinal, s.epoch, l.position;
