-- +goose Up

-- Who of a common lane's receivers has the todo, as JSON by CRM user. Empty where the OA has the todo: of whom, is not known.
ALTER TABLE lanes ADD COLUMN people TEXT NOT NULL DEFAULT '';
