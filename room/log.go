package room

// This file holds the log: the causal graph of operations, what it admits, what it still waits for. What the set of them means is in
// evaluate.go.

import (
	"errors"
	"iter"

	"stoa/identity"
)

// Bounds of one log.
const (
	MaxOps     = 10000   // operations
	MaxBytes   = 3 << 20 // bytes of signed records
	MaxPending = 512     // operations that wait for others
)

// Errors of Log.Add and Log.Compose, beside identity's.
var (
	ErrLogFull    = errors.New("the room's log is full")
	ErrNotAllowed = errors.New("not allowed to do that in this room") // void whatever else is known: the author never held the right
	ErrEarly      = errors.New("from the future: check the clocks")   // beyond SetHorizon; the same operation is welcome later
)

// Log is the set of operations of one room, and the state that follows from it. It is a pure machine: no clock, no goroutine, no lock,
// and not safe for concurrent use; the States and Ops it hands out are immutable.
type Log struct{}

// NewLog starts an empty log of the room that c founded.
func NewLog(c *identity.Charter) *Log { panic("pending") }

// SetHorizon sets the latest operation time that Add takes, unix ms: callers pass their clock plus two minutes. 0, the start, means no limit.
func (l *Log) SetHorizon(ms uint64) { panic("pending") }

// Add takes one signed record. added are the operations that joined the log by it, in causal order: none when it was known or has to wait,
// several when others waited for it. missing names the operations to ask for before it can join.
func (l *Log) Add(raw []byte) (added []*Op, missing []identity.Hash, err error) { panic("pending") }

// Has reports whether the operation is in the log (waiting ones are not).
func (l *Log) Has(h identity.Hash) bool { panic("pending") }

// Get returns the operation of that hash, or nil.
func (l *Log) Get(h identity.Hash) *Op { panic("pending") }

// Heads are the operations that no other follows, ascending.
func (l *Log) Heads() []identity.Hash { panic("pending") }

// Len counts the operations in the log.
func (l *Log) Len() int { panic("pending") }

// Missing compares with another's heads: mine are the records the other lacks, in causal order; unknown are the heads this log lacks.
func (l *Log) Missing(theirHeads []identity.Hash) (mine [][]byte, unknown []identity.Hash) {
	panic("pending")
}

// Entry is one operation with its verdict.
type Entry struct {
	Op    *Op
	Valid bool
	Why   string // why it is void, in words; empty when valid
}

// Ops yields every operation in canonical order (causal; ties by lower hash) with its verdict.
func (l *Log) Ops() iter.Seq[Entry] { panic("pending") }

// State is what the operations amount to now. The value is immutable and shared until the next Add that changes something.
func (l *Log) State() *State { panic("pending") }

// Compose signs the next operation of k: it fills sequence, deps and time (now, unix ms, or just after the latest dep). args is the kind's
// Args struct, or nil for kinds without. The operation is not in the log before Add(op.Raw()).
func (l *Log) Compose(k *identity.Key, kind Kind, grant identity.Hash, target identity.ID, args any, now uint64) (*Op, error) {
	panic("pending")
}
