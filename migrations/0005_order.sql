-- In which order series are fetched, and how many at a time.

-- As listed when the series was queued, 0 where the service does not say: the smallest or the largest come first.
ALTER TABLE series_job ADD COLUMN listed_bytes INTEGER NOT NULL DEFAULT 0;

UPDATE series_job SET listed_bytes =
    (SELECT coalesce(file_size, 0) FROM series WHERE series.series_id = series_job.series_id)
WHERE state = 'queued';

CREATE INDEX series_job_smallest ON series_job (run_id, not_before, listed_bytes, series_id) WHERE state = 'queued';
CREATE INDEX series_job_largest ON series_job (run_id, not_before, listed_bytes DESC, series_id)
    WHERE state = 'queued';

-- How many series the running process works on at a time.
ALTER TABLE heartbeat ADD COLUMN parallel INTEGER NOT NULL DEFAULT 0;
