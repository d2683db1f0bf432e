// Package sizes is the one table of how large Dogear's own tests are: small enough for every run of the tests, or those of a
// soak (make soak), which sets DOGEAR_SOAK=1.
package sizes

import (
	"os"
	"time"
)

// Table is how large the tests are.
type Table struct {
	FoldRuns      int // random sequences of events whose fold is compared with a replay at each event
	FoldEvents    int // events in each
	ItemRuns      int // random lives of a list of items that are compared with a map
	SnapshotFlips int // bits flipped of each byte of a snapshot
	BudgetRuns    int // random runs within a budget that is raised until they complete

	CrashRuns   int // random runs of the simulated disk that are cut at every operation
	CrashImages int // images of the disk for each cut
	FaultRuns   int // random runs in which every operation fails once
	FaultKinds  int // errors tried for each of these operations
	DeathRuns   int // random runs on the real disk whose process is stopped at every operation
	FlipRecords int // records in the journal of which every bit is flipped
	FlipEvery   int // of the bits of a journal with padding, every how many-th is flipped
	RepairEvery int // of the flips before the proven point, every how many-th is repaired

	SQLiteRuns   int // random stories on the simulated disk below SQLite
	SQLiteImages int // images of that disk for each cut
	SQLiteEvery  int // of the operations below SQLite, every how many-th is cut, fails, or ends the process
	SQLiteFlips  int // bits of a database that are flipped, and places at which its log is cut
	StoreKills   int // SIGKILLs of a process that appends to a store
	BigEvent     int // bytes of the largest event that a store is given
	ManyEvents   int // small events that a store is given

	Kills       int           // SIGKILLs of a running novel, for each store
	KillTimeout time.Duration // for all of them
	CrashEvery  int           // events between two crashes of the novel's sweep
	Races       int           // rounds in which two processes begin or resume one run, for each store
	Concurrent  int           // runs at once in one process, for each store
	VirtualTime time.Duration // of runs among failures, pauses and crashes
	Cuts        int           // connections to a database that are cut under an append
	Steals      int           // times that a run is taken over while its writer appends
	Moves       int           // times that a run is moved aside while others open and read it
	Settings    int           // settings of a database under which its store is put through the whole suite
	Outages     int           // times that a database server is stopped while a run is written
	Screens     int           // random lives of live lines on a terminal
	Estimates   int           // simulated runs of each kind whose time left is estimated at every event
}

// usual are the sizes of make test.
var usual = Table{
	FoldRuns: 40, FoldEvents: 150, ItemRuns: 5, SnapshotFlips: 1, BudgetRuns: 20,
	CrashRuns: 2, CrashImages: 2, FaultRuns: 1, FaultKinds: 1, DeathRuns: 1, FlipRecords: 7, FlipEvery: 7, RepairEvery: 61,
	SQLiteRuns: 2, SQLiteImages: 2, SQLiteEvery: 9, SQLiteFlips: 120, StoreKills: 12, BigEvent: 8 << 20, ManyEvents: 20_000,
	Kills: 20, KillTimeout: 5 * time.Minute, CrashEvery: 3, Races: 13, Concurrent: 50, VirtualTime: 12 * time.Hour,
	Cuts: 150, Steals: 40, Moves: 40, Outages: 5, Settings: 1, Estimates: 2, Screens: 25,
}

// soaking are the sizes of make soak.
var soaking = Table{
	FoldRuns: 300, FoldEvents: 500, ItemRuns: 300, SnapshotFlips: 8, BudgetRuns: 2000,
	CrashRuns: 12, CrashImages: 12, FaultRuns: 40, FaultKinds: 5, DeathRuns: 20, FlipRecords: 40, FlipEvery: 1, RepairEvery: 1,
	SQLiteRuns: 20, SQLiteImages: 6, SQLiteEvery: 1, SQLiteFlips: 20_000, StoreKills: 500, BigEvent: 64 << 20, ManyEvents: 1_000_000,
	Kills: 500, KillTimeout: 2 * time.Hour, CrashEvery: 1, Races: 1000, Concurrent: 1000, VirtualTime: 500 * time.Hour,
	Cuts: 5000, Steals: 1000, Moves: 1000, Outages: 100, Settings: 2, Estimates: 30, Screens: 5000,
}

// Get returns the sizes that this process was asked for.
func Get() Table {
	if os.Getenv("DOGEAR_SOAK") != "" {
		return soaking
	}
	return usual
}
