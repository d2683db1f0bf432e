-- {schema} stands for the schema of the store.

-- runs: one row for each run. Every append locks its row FOR SHARE, so nothing else about a run is kept in it: the
-- renewals of the lease have a row of their own.
CREATE TABLE {schema}.runs (
	id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name     text COLLATE "C" NOT NULL,
	archived text COLLATE "C" UNIQUE,      -- the name it was archived under; null: it is live
	run_id   text NOT NULL DEFAULT '',     -- empty: opened, but its first record was never appended; no run yet
	epoch    bigint NOT NULL DEFAULT 0     -- raised by each opening
);
CREATE UNIQUE INDEX runs_live ON {schema}.runs (name) WHERE archived IS NULL;

CREATE TABLE {schema}.leases (
	run   bigint PRIMARY KEY REFERENCES {schema}.runs ON DELETE CASCADE,
	epoch bigint NOT NULL DEFAULT 0,
	token bigint NOT NULL DEFAULT 0,       -- of the opening, by which it knows itself when an answer got lost
	pid   integer NOT NULL DEFAULT 0,
	host  text NOT NULL DEFAULT '',
	since timestamptz NOT NULL DEFAULT 'epoch',
	until timestamptz NOT NULL DEFAULT 'epoch'
) WITH (fillfactor = 50);

-- events: the journals. There is no reference to runs, which would cost each append a second look at the row that it
-- has locked anyway.
CREATE TABLE {schema}.events (
	run    bigint NOT NULL,
	seq    bigint NOT NULL,
	total  bigint NOT NULL,                -- bytes of all records up to this one
	record bytea NOT NULL,
	PRIMARY KEY (run, seq)
);

CREATE TABLE {schema}.snapshots (
	run  bigint PRIMARY KEY REFERENCES {schema}.runs ON DELETE CASCADE,
	data bytea NOT NULL
);

CREATE TABLE {schema}.requests (
	run   bigint NOT NULL REFERENCES {schema}.runs ON DELETE CASCADE,
	name  text COLLATE "C" NOT NULL,
	body  bytea NOT NULL,                  -- JSON
	stale boolean NOT NULL DEFAULT false,  -- kept aside
	PRIMARY KEY (run, name)
);

-- damaged: what a repair put a mark in the place of.
CREATE TABLE {schema}.damaged (
	run    bigint NOT NULL REFERENCES {schema}.runs ON DELETE CASCADE,
	seq    bigint NOT NULL,
	repair text NOT NULL,
	record bytea,                          -- null: there was none
	PRIMARY KEY (run, seq, repair)
);
