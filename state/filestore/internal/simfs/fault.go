package simfs

import "errors"

// ErrPowerOff is the error of every operation after the power went.
var ErrPowerOff = errors.New("simulated: no power")

// Fault makes an operation fail.
type Fault struct {
	At     int   // the operation, counted from 1 since the last Inject; zero: none
	Err    error // what it fails with; ErrPowerOff: and every one after it
	Part   int   // of a write that fails: how much of it is written before, in percent
	Sticky bool  // every later operation fails, too
}

func (f Fault) hits(op int) bool { return f.At > 0 && (op == f.At || f.Sticky && op > f.At) }

// Inject sets the fault and begins the count of operations anew.
func (f *FS) Inject(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.ops = fault, 0
}

// Ops is the number of operations since the last Inject.
func (f *FS) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

// step counts an operation and says whether it fails.
func (f *FS) step() error {
	if f.off {
		return ErrPowerOff
	}
	f.ops++
	if !f.fault.hits(f.ops) {
		return nil
	}
	f.off = errors.Is(f.fault.Err, ErrPowerOff)
	return f.fault.Err
}
