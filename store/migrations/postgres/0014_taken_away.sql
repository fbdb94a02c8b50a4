-- +goose Up

-- The accounts that a create on its way goes to: whoever finds it without an outcome must know in whose inboxes the todo may be.
ALTER TABLE sending ADD COLUMN account TEXT COLLATE "C" NOT NULL DEFAULT '';

-- A connection that is being withdrawn gets nothing new: only what takes todos out of its OA.
ALTER TABLE connections ADD COLUMN leaving BOOLEAN NOT NULL DEFAULT FALSE;
-- A tenant whose data is being erased takes nothing new.
ALTER TABLE tenants ADD COLUMN erasing BOOLEAN NOT NULL DEFAULT FALSE;

-- Two more kinds of jobs.
ALTER TABLE jobs DROP CONSTRAINT jobs_kind_check;
ALTER TABLE jobs ADD CONSTRAINT jobs_kind_check
    CHECK (kind = 'retry' OR kind = 'cancel' OR kind = 'backfill' OR kind = 'withdraw' OR kind = 'erase');
