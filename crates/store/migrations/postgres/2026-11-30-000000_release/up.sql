-- The generation of the numerics of a workflow. Null in rows of before, and in rows of a release that does not know the
-- column: those compute with 2023.
ALTER TABLE data_files ADD COLUMN release TEXT;

UPDATE climsim_schema SET version = 3;
