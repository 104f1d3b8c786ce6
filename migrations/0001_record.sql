-- The record of a mirror: what the service lists, what is to be done, what lies on disk.
-- Times are UTC seconds since 1970. NULL means that the service did not say; an empty text that it said nothing.

-- One row per answer that a walk needed: which part of a collection has been listed, by which service, how far.
CREATE TABLE walk (
    walk_id       INTEGER PRIMARY KEY,
    scope         TEXT NOT NULL,             -- what was walked, as text: a collection, a patient, a study or a series
    base_url      TEXT NOT NULL,
    dialect       TEXT NOT NULL,
    started_at    INTEGER NOT NULL,
    finished_at   INTEGER,                   -- NULL: the walk was interrupted, the next one goes on with it
    rejected_rows INTEGER NOT NULL DEFAULT 0 -- rows that made no sense
) STRICT;
CREATE INDEX walk_by_scope ON walk (scope, base_url, walk_id);

-- Parts of an unfinished walk that need not be asked again.
CREATE TABLE walk_part (
    walk_id INTEGER NOT NULL REFERENCES walk ON DELETE CASCADE,
    part    TEXT NOT NULL,                   -- endpoint and filters
    PRIMARY KEY (walk_id, part)
) STRICT, WITHOUT ROWID;

-- Where the service contradicts itself after it was asked again, and rows of it that could not be read.
CREATE TABLE walk_remark (
    remark_id INTEGER PRIMARY KEY,
    walk_id   INTEGER NOT NULL REFERENCES walk ON DELETE CASCADE,
    kind      TEXT NOT NULL CHECK (kind IN ('disagreement', 'rejected')),
    subject   TEXT NOT NULL,                 -- a patient or a study, or the endpoint of a rejected row
    remark    TEXT NOT NULL
) STRICT;
CREATE INDEX walk_remark_by_walk ON walk_remark (walk_id);

CREATE TABLE collection (
    collection TEXT PRIMARY KEY,
    walk_id    INTEGER NOT NULL              -- the last walk that listed it
) STRICT, WITHOUT ROWID;

CREATE TABLE patient (
    collection          TEXT NOT NULL,
    patient_id          TEXT NOT NULL,
    patient_name        TEXT,
    patient_birth_date  TEXT,
    patient_sex         TEXT,
    ethnic_group        TEXT,
    phantom             TEXT,
    species_code        TEXT,
    species_description TEXT,
    authorized          TEXT,
    other               TEXT NOT NULL,       -- JSON: columns that this program has no name for
    walk_id             INTEGER NOT NULL,
    PRIMARY KEY (collection, patient_id)
) STRICT, WITHOUT ROWID;

-- A study is known by all three: real StudyInstanceUIDs stand under two patients.
CREATE TABLE study (
    collection                       TEXT NOT NULL,
    patient_id                       TEXT NOT NULL,
    study_instance_uid               TEXT NOT NULL,
    study_date                       TEXT,
    study_description                TEXT,
    admitting_diagnoses_description  TEXT,
    study_id                         TEXT,
    patient_age                      TEXT,
    patient_name                     TEXT,
    patient_birth_date               TEXT,
    patient_sex                      TEXT,
    ethnic_group                     TEXT,
    series_count                     INTEGER, -- what the service says
    longitudinal_temporal_event_type TEXT,
    longitudinal_temporal_offset_from_event TEXT,
    authorized                       TEXT,
    other                            TEXT NOT NULL,
    walk_id                          INTEGER NOT NULL,
    PRIMARY KEY (collection, patient_id, study_instance_uid)
) STRICT, WITHOUT ROWID;

CREATE TABLE series (
    series_id                       INTEGER PRIMARY KEY,
    series_instance_uid             TEXT NOT NULL UNIQUE,
    collection                      TEXT NOT NULL,
    patient_id                      TEXT NOT NULL,
    study_instance_uid              TEXT NOT NULL,
    modality                        TEXT,
    protocol_name                   TEXT,
    series_date                     TEXT,
    series_description              TEXT,
    body_part_examined              TEXT,
    series_number                   TEXT,
    annotations_flag                TEXT,
    site                            TEXT,
    patient_sex                     TEXT,
    patient_age                     TEXT,
    admitting_diagnoses_description TEXT,
    manufacturer                    TEXT,
    manufacturer_model_name         TEXT,
    software_versions               TEXT,
    image_count                     INTEGER, -- instances
    file_size                       INTEGER, -- bytes of their files
    submission_timestamp            TEXT,    -- newest submission of any instance
    license_name                    TEXT,
    license_uri                     TEXT,
    data_description_uri            TEXT,
    released_status                 TEXT,
    date_released                   TEXT,
    study_description               TEXT,
    study_date                      TEXT,
    third_party_analysis            TEXT,
    authorized                      TEXT,
    other                           TEXT NOT NULL,
    walk_id                         INTEGER NOT NULL
) STRICT;
CREATE INDEX series_by_place ON series (collection, patient_id, study_instance_uid);
CREATE INDEX series_by_study ON series (study_instance_uid);
CREATE INDEX series_by_walk ON series (walk_id, series_id);

-- The job table: one row per series that was ever asked for.
CREATE TABLE series_job (
    series_id     INTEGER PRIMARY KEY REFERENCES series,
    state         TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'parked', 'withdrawn')),
    attempts      INTEGER NOT NULL DEFAULT 0, -- failed ones since it was queued
    not_before    INTEGER NOT NULL DEFAULT 0, -- a queued job waits until then
    last_error    TEXT,
    run_id        INTEGER NOT NULL REFERENCES run, -- the run that asked for it last
    queued_at     INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX series_job_queue ON series_job (not_before, series_id) WHERE state = 'queued';
CREATE INDEX series_job_queue_of_run ON series_job (run_id, not_before, series_id) WHERE state = 'queued';
CREATE INDEX series_job_by_state ON series_job (state, series_id);

-- Every failed attempt of a job that is not done yet.
CREATE TABLE series_job_failure (
    series_id INTEGER NOT NULL REFERENCES series,
    failed_at INTEGER NOT NULL,
    reason    TEXT NOT NULL
) STRICT;
CREATE INDEX series_job_failure_by_series ON series_job_failure (series_id);

-- What lies in the tree.
CREATE TABLE placement (
    series_id            INTEGER PRIMARY KEY REFERENCES series,
    path                 TEXT NOT NULL UNIQUE, -- relative to the root
    instance_count       INTEGER NOT NULL,
    size_bytes           INTEGER NOT NULL,
    license_sha256       BLOB,                 -- of the LICENSE file, when the service sent one
    proof                TEXT NOT NULL,        -- which statements of the service it agrees with
    listed_image_count   INTEGER,              -- the version of the series, as it was listed
    listed_size_bytes    INTEGER,
    listed_submission_timestamp TEXT,
    placed_at            INTEGER NOT NULL
) STRICT;

CREATE TABLE instance (
    series_id        INTEGER NOT NULL REFERENCES series,
    sop_instance_uid TEXT NOT NULL,
    size_bytes       INTEGER NOT NULL,
    crc32            INTEGER NOT NULL,
    md5              BLOB NOT NULL,
    sha256           BLOB NOT NULL,
    PRIMARY KEY (series_id, sop_instance_uid)
) STRICT, WITHOUT ROWID;

-- Instances that arrived whole and wait in the staging directory for the rest of their series.
CREATE TABLE staged_instance (
    series_id        INTEGER NOT NULL REFERENCES series,
    sop_instance_uid TEXT NOT NULL,
    size_bytes       INTEGER NOT NULL,
    crc32            INTEGER NOT NULL,
    md5              BLOB NOT NULL,
    sha256           BLOB NOT NULL,
    PRIMARY KEY (series_id, sop_instance_uid)
) STRICT, WITHOUT ROWID;

-- What is staged of a version that is no longer listed must not be mixed with the next one.
CREATE TRIGGER series_revised AFTER UPDATE OF image_count, file_size, submission_timestamp ON series
WHEN (old.image_count, old.file_size, old.submission_timestamp)
    IS NOT (new.image_count, new.file_size, new.submission_timestamp)
BEGIN
    DELETE FROM staged_instance WHERE series_id = new.series_id
        AND NOT EXISTS (SELECT 1 FROM commit_intent WHERE series_id = new.series_id);
END;

-- A commit that has begun: written before the first rename, gone with the placement; replayed at start.
CREATE TABLE commit_intent (
    series_id      INTEGER PRIMARY KEY REFERENCES series,
    path           TEXT NOT NULL,
    stamp          TEXT NOT NULL,  -- names the replaced version
    license_sha256 BLOB,
    proof          TEXT NOT NULL,
    listed_image_count INTEGER,
    listed_size_bytes  INTEGER,
    listed_submission_timestamp TEXT
) STRICT;

-- Which path component stands for which identifier. `parent` is the path above, empty at the top.
CREATE TABLE path_component (
    parent     TEXT NOT NULL,
    identifier TEXT NOT NULL,
    component  TEXT NOT NULL,
    folded     TEXT NOT NULL,      -- what a case-insensitive file system compares
    PRIMARY KEY (parent, identifier),
    UNIQUE (parent, folded)
) STRICT, WITHOUT ROWID;

-- Everything that was released before this day and was asked for has been dealt with.
CREATE TABLE watermark (
    base_url   TEXT NOT NULL,
    collection TEXT NOT NULL,
    narrowed_by TEXT NOT NULL,     -- modality and the like, as text; empty for the whole collection
    synced_to  INTEGER NOT NULL,   -- the time before the planning of the cycle began
    PRIMARY KEY (base_url, collection, narrowed_by)
) STRICT, WITHOUT ROWID;

-- History: one row per run of a command that changes the mirror.
CREATE TABLE run (
    run_id           INTEGER PRIMARY KEY,
    command          TEXT NOT NULL,
    base_url         TEXT NOT NULL,
    started_at       INTEGER NOT NULL,
    finished_at      INTEGER,
    outcome          TEXT,
    placed           INTEGER NOT NULL DEFAULT 0,
    parked           INTEGER NOT NULL DEFAULT 0,
    kept             INTEGER NOT NULL DEFAULT 0,
    withdrawn        INTEGER NOT NULL DEFAULT 0,
    instances        INTEGER NOT NULL DEFAULT 0,
    bytes            INTEGER NOT NULL DEFAULT 0,
    downloaded_bytes INTEGER NOT NULL DEFAULT 0,
    requests         INTEGER NOT NULL DEFAULT 0,
    retries          INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What the running process says of itself; one row at the most.
CREATE TABLE heartbeat (
    only_row     INTEGER PRIMARY KEY CHECK (only_row = 1),
    beat_at      INTEGER NOT NULL,
    rate_bytes_s INTEGER NOT NULL
) STRICT;

-- For people: what lies where.
CREATE VIEW mirrored AS
SELECT series.collection, series.patient_id, series.study_instance_uid, series.series_instance_uid, series.modality,
       series.series_description, placement.instance_count, placement.size_bytes, placement.proof, placement.path,
       datetime(placement.placed_at, 'unixepoch') AS placed_at
FROM placement JOIN series USING (series_id);

-- For people: what is still to be done, and why it is not done yet.
CREATE VIEW unfinished AS
SELECT series.collection, series.patient_id, series.series_instance_uid, series_job.state, series_job.attempts,
       series_job.last_error, datetime(series_job.not_before, 'unixepoch') AS not_before
FROM series_job JOIN series USING (series_id)
WHERE series_job.state IN ('queued', 'running', 'parked');
