-- +goose Up

-- The accounts that a create on its way goes to: whoever finds it without an outcome must know in whose inboxes the todo may be.
ALTER TABLE sending ADD COLUMN account TEXT COLLATE "C" NOT NULL DEFAULT '';
