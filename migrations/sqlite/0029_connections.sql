-- What runs asked the proxy of the host for, and what became of it: one row for each connection.
-- Adds a table only; code from before gives runs the network of the host.
CREATE TABLE connections (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES runs (id),
    at_ms INTEGER NOT NULL,
    -- As it was asked for, which need be no name.
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    reached TEXT NOT NULL,
    sent_bytes INTEGER NOT NULL,
    received_bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX connections_run ON connections (run_id, reached);
