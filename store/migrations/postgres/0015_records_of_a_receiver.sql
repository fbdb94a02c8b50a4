-- +goose Up

-- A receiver's records that did not simply succeed: of many thousands that did, only these are looked at. Nothing is written to it for a
-- delivery that succeeds at once.
CREATE INDEX deliveries_receiver_state ON deliveries (receiver, state, n) WHERE receiver <> '' AND state <> 'pending' AND state <> 'succeeded';
