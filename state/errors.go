package state

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// What a store or a journal can say, for [errors.Is].
var (
	ErrNotFound      = errors.New("no such run")
	ErrExists        = errors.New("the run exists already")
	ErrLocked        = errors.New("the run is held by another writer")
	ErrFenced        = errors.New("a newer writer took the run over")
	ErrDamaged       = errors.New("the journal is damaged")
	ErrNewerFormat   = errors.New("written by a newer version of dogear")
	ErrName          = errors.New("not a usable run name")
	ErrJournalFailed = errors.New("refused: this opening of the journal failed; open the run again to go on")
	ErrUnsupported   = errors.New("not supported by this store")
	ErrTooLarge      = errors.New("event larger than 256 MiB")

	// ErrUnfinishedCopy: the process that copied the run here died over it.
	ErrUnfinishedCopy = errors.New("an unfinished copy of a run")
)

// HeldError says who holds a run. It is ErrLocked.
type HeldError struct {
	Run   string
	Host  string
	PID   int
	Since time.Time
	Until time.Time // when its lease runs out unless it renews it; zero: a lock that dies with its process
}

func (e *HeldError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("run %q is being worked on by another process", e.Run)
	}
	text := fmt.Sprintf("run %q is being worked on by process %d on %s since %s",
		e.Run, e.PID, e.Host, e.Since.Local().Format("2006-01-02 15:04:05"))
	if !e.Until.IsZero() {
		text += fmt.Sprintf("; if that one is dead, the run is free from %s on", e.Until.Local().Format("15:04:05"))
	}
	return text
}

// Is reports that a HeldError is ErrLocked.
func (e *HeldError) Is(target error) bool { return target == ErrLocked }

// DamagedError says where a journal is damaged, and the way out. It is ErrDamaged.
type DamagedError struct {
	Run  string
	File string
	Line int    // from 1; zero when no line is to blame
	Seq  uint64 // the number of the record that is damaged; zero when unknown
	Why  string
	Hint string
}

func (e *DamagedError) Error() string {
	where := e.File
	if e.Line > 0 {
		where = fmt.Sprintf("%s, line %d", e.File, e.Line)
	}
	text := fmt.Sprintf("the journal of run %q is damaged at %s: %s", e.Run, where, e.Why)
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Is reports that a DamagedError is ErrDamaged.
func (e *DamagedError) Is(target error) bool { return target == ErrDamaged }

// fencedError ends the writing of a run by a process that has no right to it any more. It is ErrFenced and
// ErrJournalFailed; its text is not that of the latter, since opening the run again is not the first thing to do.
type fencedError struct {
	run   string
	cause error
}

func (e *fencedError) Error() string {
	return fmt.Sprintf("run %q: this process has lost the run (%v) and stopped without paying more; what it committed is safe: "+
		"whoever holds the run goes on from there, and if nobody does, Run or --resume will", e.run, fence(e.cause))
}

func (e *fencedError) Is(target error) bool { return target == ErrFenced || target == ErrJournalFailed }

func (e *fencedError) Unwrap() error { return e.cause }

// fence is the part of a store's error that says who fenced the writer off.
func fence(err error) error {
	for errors.Is(err, ErrJournalFailed) {
		var causes []error
		switch e := err.(type) { //nolint:errorlint // this is what goes from an error to its causes
		case interface{ Unwrap() error }:
			causes = []error{e.Unwrap()}
		case interface{ Unwrap() []error }:
			causes = e.Unwrap()
		}
		i := slices.IndexFunc(causes, func(c error) bool { return errors.Is(c, ErrFenced) })
		if i < 0 {
			return ErrFenced
		}
		err = causes[i]
	}
	return err
}
