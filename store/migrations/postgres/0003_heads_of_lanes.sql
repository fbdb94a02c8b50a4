-- +goose Up

-- A delivery that was claimed in the same commit in which a later one of its lane was planned did not make that one due when it
-- ended. What waits so is due now.
UPDATE deliveries SET due_ms = 0 WHERE due_ms = 9000000000000000 AND state <> 'held' AND NOT EXISTS (
    SELECT 1 FROM deliveries AS e WHERE e.conn = deliveries.conn AND e.todo = deliveries.todo AND e.kind = deliveries.kind
    AND e.lane = deliveries.lane AND e.due_ms IS NOT NULL AND e.n < deliveries.n);
