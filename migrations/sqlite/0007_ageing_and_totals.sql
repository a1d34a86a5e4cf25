-- Waiting rows rise in priority, ended ones are counted as they end, and look-ups that read whole tables get indices.
-- Older code ignores the columns: it claims in the order that ageing left and never takes the advance back. The
-- triggers keep the totals right whoever writes.

-- When a row last rose, and by how much in all; a claim takes it back.
ALTER TABLE jobs ADD COLUMN aged_ms INTEGER;
ALTER TABLE jobs ADD COLUMN aged_by INTEGER NOT NULL DEFAULT 0;
-- When a row rises next: ten minutes after it was due, then each minute. Rows at the floor are not in it.
CREATE INDEX jobs_ageing ON jobs (coalesce(aged_ms + 60000, run_at_ms + 600000))
    WHERE state = 'ready' AND priority > 1;

-- Ended rows by state: counting a million of them takes longer than anything else that a look at the queue does.
CREATE TABLE job_totals (
    state TEXT PRIMARY KEY,
    jobs INTEGER NOT NULL
) STRICT;
INSERT INTO job_totals (state, jobs) VALUES ('done', 0), ('dead', 0), ('cancelled', 0);
UPDATE job_totals SET jobs = (SELECT count(*) FROM jobs WHERE jobs.state = job_totals.state);
CREATE TRIGGER job_totals_begin AFTER INSERT ON jobs
WHEN NEW.finished_ms IS NOT NULL
BEGIN
    UPDATE job_totals SET jobs = jobs + 1 WHERE state = NEW.state;
END;
-- A row ends once: afterwards it does not change.
CREATE TRIGGER job_totals_grow AFTER UPDATE OF state ON jobs
WHEN NEW.finished_ms IS NOT NULL
BEGIN
    UPDATE job_totals SET jobs = jobs + 1 WHERE state = NEW.state;
END;
CREATE TRIGGER job_totals_fall AFTER DELETE ON jobs
WHEN OLD.finished_ms IS NOT NULL
BEGIN
    UPDATE job_totals SET jobs = jobs - 1 WHERE state = OLD.state;
END;

-- Whether a run refers to a job is asked for every job that is swept; what was spent lately, before every run.
CREATE INDEX runs_job ON runs (job_id);
CREATE INDEX runs_started ON runs (started_ms);
