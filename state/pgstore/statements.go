package pgstore

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/dogear-go/dogear/state"
)

// statements are the texts of all statements, made once for the schema, so that a connection prepares each only once.
type statements struct {
	schema string

	look, make, take, renew, giveBack, discard string
	ends, resolve, compare                     string
	create, createNote                         string
	one, oneNote, many, manyNote               string
	few, fewNote                               [fewRecords + 1]string // by the number of records, from two on
	flush                                      string
	events, more                               string
	head, list, record, back                   string

	archive, isThere, deleteEvents, deleteRun  string
	saveSnapshot, loadSnapshot                 string
	putRequest, requests, endRequest, setAside string
	raw, keepDamaged, putMark, dropSnapshot    string
}

// How a statement says for its own transaction how it is to be committed. set_config(…, true) is SET LOCAL, and the
// setting counts at the moment of the commit, so that one statement, which is a transaction of its own, can say it of
// itself. Every setting but off waits until the commit is on the local disk; the user's choice among these stays.
const (
	durably = `CASE current_setting('synchronous_commit') WHEN 'off'
		THEN set_config('synchronous_commit', 'on', true) ELSE 'as it is' END <> ''`
	asNote = `set_config('synchronous_commit', 'off', true) <> ''`
)

// The statements that append. All are one INSERT, in one round trip, that writes its records only if
//
//   - the run has still this epoch. The row is locked FOR SHARE: appends don't wait for each other, but an opening, which
//     changes the row, waits for them and they for it. In READ COMMITTED a statement that had to wait for a row looks at
//     the row's newest version before it goes on, and applies the condition to that; so an append that waited for an
//     opening sees the new epoch and writes nothing. And an opening that waited for an append reads the journal's end in
//     its next statement, which sees all that was committed before it began, that append included. In the stricter
//     isolation levels the append fails with a serialization error instead, and sees the epoch when it is tried again.
//   - the record before the first one is there. It was committed before the statement was sent, if at all, so the
//     statement's snapshot has it.
//
// That no number is given twice is for the primary key to say.
const (
	appendOne = `
INSERT INTO {schema}.events (run, seq, total, record)
SELECT r.id, $3, $4, $5 FROM {schema}.runs r
WHERE r.id = $1 AND r.epoch = $2
	AND EXISTS (SELECT FROM {schema}.events p WHERE p.run = $1 AND p.seq = $3::bigint - 1)
	AND {commit}
FOR SHARE OF r`

	appendMany = `
INSERT INTO {schema}.events (run, seq, total, record)
SELECT held.id, $3::bigint + n.n - 1, n.total, n.record
FROM (
	SELECT r.id FROM {schema}.runs r
	WHERE r.id = $1 AND r.epoch = $2
		AND EXISTS (SELECT FROM {schema}.events p WHERE p.run = $1 AND p.seq = $3::bigint - 1)
		AND {commit}
	FOR SHARE OF r
) held, unnest($4::bigint[], $5::bytea[]) WITH ORDINALITY AS n (total, record, n)`

	// As appendMany; but a statement whose arguments are an array is planned anew each time, since the plan depends on how
	// long the array is thought to be, and that takes longer than to carry it out.
	appendFew = `
INSERT INTO {schema}.events (run, seq, total, record)
SELECT held.id, n.seq, n.total, n.record
FROM (
	SELECT r.id FROM {schema}.runs r
	WHERE r.id = $1 AND r.epoch = $2
		AND EXISTS (SELECT FROM {schema}.events p WHERE p.run = $1 AND p.seq = $3::bigint - 1)
		AND {commit}
	FOR SHARE OF r
) held, (VALUES {values}) AS n (seq, total, record)`

	// The first record makes the run: it says its id, in the same transaction.
	appendFirst = `
WITH begun AS (
	UPDATE {schema}.runs SET run_id = $3 WHERE id = $1 AND epoch = $2 AND run_id = '' AND {commit} RETURNING id
)
INSERT INTO {schema}.events (run, seq, total, record) SELECT id, 1, $4, $5 FROM begun`

	// A row lock is written to the log, so that the commit is, too, and with it everything before it.
	flushAll = `
SELECT 1 FROM {schema}.runs r
WHERE r.id = $1 AND r.epoch = $2
	AND EXISTS (SELECT FROM {schema}.events p WHERE p.run = $1 AND p.seq = $3)
	AND {commit}
FOR SHARE OF r`
)

// The statements of the lease. All times are those of the database.
const (
	lookRun = `
SELECT r.id, r.run_id, l.pid, l.host, l.since, l.until, l.until > clock_timestamp(), l.epoch
FROM {schema}.runs r JOIN {schema}.leases l ON l.run = r.id
WHERE r.name = $1 AND r.archived IS NULL`

	makeRun = `
WITH made AS (
	INSERT INTO {schema}.runs (name) VALUES ($1) ON CONFLICT (name) WHERE archived IS NULL DO NOTHING RETURNING id
)
INSERT INTO {schema}.leases (run) SELECT id FROM made WHERE {commit} RETURNING run`

	// Of several at once the first one changes the lease; the others, having waited for it, find it taken. The run may have
	// been archived since it was looked for: its row says that in its newest version, which the second update reads even if
	// the statement had to wait for it. The lease of an archived run is nobody's concern.
	//
	// An attempt whose connection was lost may be carried out late: after the one that followed it, which must not raise
	// the epoch of this very opening again, or when the lease was given back, which then has another epoch and no token.
	takeRun = `
WITH taken AS (
	UPDATE {schema}.leases SET epoch = $6::bigint + 1, token = $2, pid = $3, host = $4, since = clock_timestamp(),
		until = clock_timestamp() + $5::bigint * interval '1 microsecond'
	WHERE run = $1 AND (until <= clock_timestamp() AND epoch = $6 OR token = $2)
	RETURNING run, epoch
), raised AS (
	UPDATE {schema}.runs r SET epoch = t.epoch FROM taken t WHERE r.id = t.run AND r.archived IS NULL RETURNING r.epoch, r.run_id
)
SELECT epoch, run_id FROM raised WHERE {commit}`

	renewLease = `
UPDATE {schema}.leases SET until = clock_timestamp() + $3::bigint * interval '1 microsecond'
WHERE run = $1 AND epoch = $2 AND {commit}`

	giveLeaseBack = `
UPDATE {schema}.leases SET until = clock_timestamp(), token = 0 WHERE run = $1 AND epoch = $2 AND {commit}`

	// Of a run that never began nothing is kept.
	discardRun = `DELETE FROM {schema}.runs WHERE id = $1 AND epoch = $2 AND run_id = ''`
)

// The statements that read.
const (
	readEnds = `
(SELECT seq, total, record FROM {schema}.events WHERE run = $1 ORDER BY seq LIMIT 1)
UNION ALL
(SELECT seq, total, record FROM {schema}.events WHERE run = $1 ORDER BY seq DESC LIMIT 1)
ORDER BY seq`

	// What is there from a number on, to be compared with what should be.
	resolveRun = `
SELECT r.epoch, e.seq, sha256(e.record) FROM {schema}.runs r
LEFT JOIN {schema}.events e ON e.run = r.id AND e.seq >= $2
WHERE r.id = $1 AND r.archived IS NULL
ORDER BY e.seq`

	compareEvents = `
SELECT seq, sha256(record) FROM {schema}.events WHERE run = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq`

	// A page of events: so many at most, and so many bytes unless the first alone has more. A run without any events
	// from there on gives one row.
	readPage = `
SELECT r.id, r.run_id, e.seq, e.record, e.last FROM {schema}.runs r
LEFT JOIN LATERAL (
	SELECT e.seq, e.record, (SELECT max(seq) FROM {schema}.events WHERE run = r.id) AS last FROM {schema}.events e
	WHERE e.run = r.id AND e.seq >= $2
		AND e.total <= $4 + (SELECT total FROM {schema}.events WHERE run = r.id AND seq >= $2 ORDER BY seq LIMIT 1)
	ORDER BY e.seq LIMIT $3
) e ON true
WHERE {which} AND r.run_id <> ''
ORDER BY e.seq`

	// A run's first event and its last ones, the last first; those that are large only by their numbers.
	readHeads = `
SELECT r.id, r.name, r.run_id, l.pid, l.host, l.since, l.until, l.until > clock_timestamp(), f.record, t.seqs, t.records, t.total
FROM {schema}.runs r JOIN {schema}.leases l ON l.run = r.id
LEFT JOIN LATERAL (SELECT record FROM {schema}.events WHERE run = r.id AND seq = 1) f ON true
LEFT JOIN LATERAL (
	SELECT array_agg(e.seq ORDER BY e.seq DESC) AS seqs, array_agg(e.record ORDER BY e.seq DESC) AS records, max(e.total) AS total
	FROM (
		SELECT seq, total, CASE WHEN octet_length(record) <= {large} THEN record END AS record
		FROM {schema}.events WHERE run = r.id ORDER BY seq DESC LIMIT {tail}
	) e
) t ON true
WHERE r.archived IS NULL AND r.run_id <> '' AND {which}`

	readRecord = `SELECT record FROM {schema}.events WHERE run = $1 AND seq = $2`

	readBack = `SELECT seq, record FROM {schema}.events WHERE run = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3`
)

// newStatements makes the statements for a schema; with SyncNone nothing waits for a disk.
func newStatements(schema string, how state.Sync) *statements {
	name := pgx.Identifier{schema}.Sanitize()
	fill := func(text string, more ...string) string {
		return strings.NewReplacer(append([]string{"{schema}", name, "{large}", largeRecord, "{tail}", tailRecords}, more...)...).Replace(text)
	}
	note := func(text string) string { return fill(text, "{commit}", asNote) }
	sync := func(text string) string { return fill(text, "{commit}", durably) }
	if how == state.SyncNone {
		sync = note
	}
	st := &statements{
		schema: name,
		look:   fill(lookRun), make: note(makeRun), take: sync(takeRun), renew: note(renewLease),
		giveBack: sync(giveLeaseBack), discard: fill(discardRun),
		ends: fill(readEnds), resolve: fill(resolveRun), compare: fill(compareEvents),
		create: sync(appendFirst), createNote: note(appendFirst),
		one: sync(appendOne), oneNote: note(appendOne), many: sync(appendMany), manyNote: note(appendMany),
		flush:  sync(flushAll),
		events: fill(readPage, "{which}", "r.name = $1 AND r.archived IS NULL"),
		more:   fill(readPage, "{which}", "r.id = $1"),
		head:   fill(readHeads, "{which}", "r.name = $1"),
		list:   fill(readHeads, "{which}", "r.name > $1") + "\nORDER BY r.name LIMIT $2",
		record: fill(readRecord), back: fill(readBack),
		archive: fill(archiveRun), isThere: fill(isThere),
		deleteEvents: fill(deleteEvents), deleteRun: fill(deleteRun),
		saveSnapshot: sync(saveSnapshot), loadSnapshot: fill(loadSnapshot),
		putRequest: fill(putRequest), requests: fill(readRequests), endRequest: fill(endRequest), setAside: fill(setAside),
		raw: fill(readRaw), keepDamaged: fill(keepDamaged), putMark: fill(putMark), dropSnapshot: fill(dropSnapshot),
	}
	for n := 2; n <= fewRecords; n++ {
		text := strings.ReplaceAll(appendFew, "{values}", values(n))
		st.few[n], st.fewNote[n] = sync(text), note(text)
	}
	return st
}

// fewRecords is how many at most have a statement of their own: an item is a note and a result, or one more.
const fewRecords = 4

// values are the rows of n records, behind the three arguments that say where they go.
func values(n int) string {
	var rows []string
	for i := range n {
		rows = append(rows, fmt.Sprintf("($3::bigint + %d, $%d::bigint, $%d::bytea)", i, 4+2*i, 5+2*i))
	}
	return strings.Join(rows, ", ")
}

// in puts the schema into the text of a statement.
func (s *statements) in(text string) string { return strings.ReplaceAll(text, "{schema}", s.schema) }
