-- A delivery of a webhook is kept before it is answered and looked into afterwards, so it has a state.
-- Nothing was written to the table so far: earlier hosts served no webhooks. What may stand in it is nothing to be
-- looked into any more. Code from before refuses a database with this mark.

ALTER TABLE deliveries ADD COLUMN event TEXT NOT NULL DEFAULT '';
-- See `DeliveryState`; what is waiting has not been looked into.
ALTER TABLE deliveries ADD COLUMN state TEXT NOT NULL DEFAULT 'nothing';
-- What it was about, or why it is dead.
ALTER TABLE deliveries ADD COLUMN detail TEXT;
ALTER TABLE deliveries ADD COLUMN settled_ms INTEGER;

CREATE INDEX deliveries_waiting ON deliveries (received_ms) WHERE state = 'waiting';
CREATE INDEX deliveries_body ON deliveries (source, body_hash, settled_ms);
CREATE INDEX deliveries_age ON deliveries (received_ms);
