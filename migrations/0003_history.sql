-- What each run has changed, series by series, and how it ended.

-- Why it ended so, where the outcome alone does not say. The one run whose outcome is NULL is under way.
ALTER TABLE run ADD COLUMN reason TEXT;

CREATE TABLE series_change (
    run_id    INTEGER NOT NULL REFERENCES run,
    change    TEXT NOT NULL CHECK (change IN ('new', 'revised', 'moved', 'restored', 'described', 'withdrawn', 'parked')),
    series_id INTEGER NOT NULL REFERENCES series,
    PRIMARY KEY (run_id, change, series_id)
) STRICT, WITHOUT ROWID;

-- The service says something else of a series whose images are the same: its licence, its description, its release.
CREATE TRIGGER series_described AFTER UPDATE ON series
WHEN (old.modality, old.protocol_name, old.series_date, old.series_description, old.body_part_examined,
      old.series_number, old.annotations_flag, old.site, old.patient_sex, old.patient_age,
      old.admitting_diagnoses_description, old.manufacturer, old.manufacturer_model_name, old.software_versions,
      old.license_name, old.license_uri, old.data_description_uri, old.released_status, old.date_released,
      old.study_description, old.study_date, old.third_party_analysis)
    IS NOT (new.modality, new.protocol_name, new.series_date, new.series_description, new.body_part_examined,
      new.series_number, new.annotations_flag, new.site, new.patient_sex, new.patient_age,
      new.admitting_diagnoses_description, new.manufacturer, new.manufacturer_model_name, new.software_versions,
      new.license_name, new.license_uri, new.data_description_uri, new.released_status, new.date_released,
      new.study_description, new.study_date, new.third_party_analysis)
BEGIN
    INSERT INTO series_change (run_id, change, series_id)
    SELECT run_id, 'described', new.series_id FROM run
    WHERE run_id = (SELECT max(run_id) FROM run) AND outcome IS NULL
        AND NOT EXISTS (SELECT 1 FROM series_change AS known WHERE known.run_id = run.run_id
                        AND known.change = 'described' AND known.series_id = new.series_id);
END;

-- For people: what happened to which series, the last run first.
CREATE VIEW history AS
SELECT datetime(run.started_at, 'unixepoch') AS started_at, run.command, series_change.change, series.collection,
       series.patient_id, series.series_instance_uid
FROM series_change JOIN run USING (run_id) JOIN series USING (series_id) ORDER BY run_id DESC;
