// What was written in a room lately: the messages that are shown, those that wait for a secret, and what others are to be told.

package room

import (
	"cmp"
	"slices"
	"time"

	"stoa/identity"
)

const (
	// MaxLines is how many messages a room shows: the last ones.
	MaxLines = 200

	maxWaiting = 64               // remarks whose secret is not here
	waitAtMost = 30 * time.Second // for the operation that announces it
	maxHides   = 256              // that have hit nothing yet

	// lineSkew is by how much the time of a message may differ from when it came and be believed. It is for the order in which messages are
	// shown: who claims more would stay below all others.
	lineSkew = 15 * time.Second
)

// Line is a message as it is shown here.
type Line struct {
	Name   identity.Hash // of the remark: what [Room.Hide] takes
	Who    identity.ID
	Called string    // what its author called themselves; not unique and not to be trusted
	At     time.Time // by the room's clock
	Text   string    // plain, beside line ends; empty once hidden
	Hidden identity.ID
	Fresh  uint64 // from 1 for what came in this run, ascending as it came; 0: it was kept from an earlier one
}

// chat is what was written lately. It is a pure machine.
type chat struct {
	lines   []Line // by time, at most MaxLines
	fresh   uint64 // lines that came in this run
	shown   []Line // a copy of lines for snapshots; nil when it is out of date
	waits   []waiting
	hides   []hide // those that hit nothing yet: their target is not here, or their author had no right to
	unsaved []Line
}

// waiting is a remark whose secret is not here.
type waiting struct {
	*Remark
	came  time.Time // by the room's clock; of one that was handed on, when it was made
	since time.Time
}

// hide is somebody's wish that a message be not read any more.
type hide struct {
	target identity.Hash
	by     identity.ID
}

// restore takes what was kept of earlier runs, oldest first.
func (c *chat) restore(lines []Line) {
	c.lines = slices.Clone(lines[max(0, len(lines)-MaxLines):])
}

// list is what snapshots share.
func (c *chat) list() []Line {
	if c.shown == nil {
		c.shown = slices.Clone(c.lines)
	}
	return c.shown
}

// has tells whether a message is shown.
func (c *chat) has(name identity.Hash) bool { return c.find(name) >= 0 }

func (c *chat) find(name identity.Hash) int {
	return slices.IndexFunc(c.lines, func(l Line) bool { return l.Name == name })
}

// add shows a message and tells whether it did: one that is here already, or is older than all that there is room for, is not shown.
func (c *chat) add(l Line) bool {
	at, _ := slices.BinarySearchFunc(c.lines, l, func(a, b Line) int {
		return cmp.Or(a.At.Compare(b.At), -1) // behind those of the same time
	})
	full := len(c.lines) >= MaxLines
	if c.has(l.Name) || full && at == 0 {
		return false
	}
	c.fresh++
	l.Fresh = c.fresh
	c.lines = slices.Insert(c.lines, at, l)
	if full {
		c.lines = slices.Delete(c.lines, 0, 1)
	}
	c.change(l)
	return true
}

// change notes that a line has to be shown and saved anew.
func (c *chat) change(l Line) {
	c.shown = nil
	c.unsaved = append(slices.DeleteFunc(c.unsaved, func(o Line) bool { return o.Name == l.Name }), l)
}

// hide has a message not be read any more, as soon as it is here and may says that its author may be silenced so.
func (c *chat) hide(h hide) {
	if slices.Contains(c.hides, h) {
		return
	}
	if len(c.hides) >= maxHides {
		c.hides = slices.Delete(c.hides, 0, 1)
	}
	c.hides = append(c.hides, h)
}

// settle carries out what hides can be carried out, and tells whether there was one. What is hidden stays so.
func (c *chat) settle(may func(by, author identity.ID) bool) bool {
	any := false
	c.hides = slices.DeleteFunc(c.hides, func(h hide) bool {
		i := c.find(h.target)
		if i < 0 {
			return false
		}
		l := &c.lines[i]
		if !l.Hidden.IsZero() {
			return true
		}
		if h.by != l.Who && !may(h.by, l.Who) {
			return false
		}
		l.Text, l.Hidden, any = "", h.by, true
		c.change(*l)
		return true
	})
	return any
}

// wait keeps a remark until its secret is here.
func (c *chat) wait(m *Remark, came, now time.Time) {
	if slices.ContainsFunc(c.waits, func(w waiting) bool { return w.name() == m.name() }) {
		return
	}
	if len(c.waits) >= maxWaiting {
		c.waits = slices.Delete(c.waits, 0, 1)
	}
	c.waits = append(c.waits, waiting{m, came, now})
}

// ripe takes out what waits and can be opened now. What has waited for too long is dropped.
func (c *chat) ripe(known func(epoch identity.Hash) bool, now time.Time) []waiting {
	var list []waiting
	c.waits = slices.DeleteFunc(c.waits, func(w waiting) bool {
		if known(w.Epoch) {
			list = append(list, w)
			return true
		}
		return now.Sub(w.since) >= waitAtMost
	})
	return list
}

// dated is the time at which a message is shown that says when it was made, by a clock that may be wrong.
func dated(ms uint64, came time.Time) time.Time {
	at := time.UnixMilli(int64(ms))
	switch off := at.Sub(came); {
	case off > 0:
		return came
	case off < -lineSkew:
		return came.Add(-lineSkew)
	}
	return at
}
