-- What changes between two listings: series that move, and series that are no longer listed.

-- Where the placed version was listed; NULL in placements that are older than these columns. Tells a move.
ALTER TABLE placement ADD COLUMN listed_collection TEXT;
ALTER TABLE placement ADD COLUMN listed_patient_id TEXT;
ALTER TABLE placement ADD COLUMN listed_study_instance_uid TEXT;

ALTER TABLE commit_intent ADD COLUMN listed_collection TEXT;
ALTER TABLE commit_intent ADD COLUMN listed_patient_id TEXT;
ALTER TABLE commit_intent ADD COLUMN listed_study_instance_uid TEXT;
-- Where the version lies that this one replaces, when that is another place; NULL: at the same one, or there is none.
ALTER TABLE commit_intent ADD COLUMN moved_from TEXT;

-- Placed series that whole listings of their collection did not show, since they were listed last.
CREATE TABLE absence (
    series_id    INTEGER PRIMARY KEY REFERENCES series,
    listings     INTEGER NOT NULL,   -- how many, those that came too soon after the one before left out
    first_at     INTEGER NOT NULL,
    counted_at   INTEGER NOT NULL    -- the last that counts
) STRICT;

CREATE TRIGGER series_listed AFTER UPDATE OF walk_id ON series
BEGIN
    DELETE FROM absence WHERE series_id = new.series_id;
END;

-- Series that `prune` takes out of the tree: written before the first file goes, gone with the last; replayed at start.
CREATE TABLE removal (
    path TEXT PRIMARY KEY            -- relative to the root
) STRICT, WITHOUT ROWID;

-- For people: what the service no longer lists.
CREATE VIEW no_longer_listed AS
SELECT series.collection, series.patient_id, series.series_instance_uid, series_job.state, absence.listings,
       datetime(absence.first_at, 'unixepoch') AS since, placement.path
FROM absence JOIN series USING (series_id) JOIN series_job USING (series_id) LEFT JOIN placement USING (series_id);
