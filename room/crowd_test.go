// This file tests what makes a crowd, and who may say what of it.

package room

import (
	"testing"
	"time"

	"stoa/identity"
	"stoa/room/relay"
)

func TestCrowding(t *testing.T) {
	var c crowding
	now := time.UnixMilli(dawn)
	for i, tt := range []struct {
		after          time.Duration // the step before
		people, relays int
		want           bool
	}{
		{0, 23, 1, false}, {0, 24, 0, false}, {time.Hour, 24, 0, false}, {0, 24, 1, true}, {0, 20, 1, true}, {time.Hour, 16, 1, true},
		{0, 15, 1, true}, {crowdDwell - 1, 3, 1, true}, {1, 15, 1, false}, {0, 23, 1, false}, // too few, for long enough
		{0, 10000, 3, true}, {0, 10000, 0, true}, {crowdDwell - 1, 10000, 0, true}, // the only relay starts anew
		{0, 10000, 1, true}, {time.Hour, 10000, 1, true},
		{0, 10000, 0, true}, {crowdDwell - 1, 15, 0, true}, {1, 15, 1, false}, // one reason after the other is one time
		{0, 24, 1, true}, {0, 0, 0, true}, {time.Hour, 0, 0, false}, {0, 20, 1, false},
	} {
		now = now.Add(tt.after)
		if c = c.next(tt.people, tt.relays, now); c.on != tt.want {
			t.Errorf("step %d, %d people and %d relays: %t", i, tt.people, tt.relays, c.on)
		}
	}
}

// TestCrowdOutlivesItsRelay: when the only relay goes, the room is a crowd for a while yet, wakes when that is over, and seats nobody meanwhile.
func TestCrowdOutlivesItsRelay(t *testing.T) {
	p := newPlay(t)
	_, _, l := p.start()
	cred := p.carrier("relay", paul, 100)
	p.do("offer", paul, cred, KindAdvert, room, AdvertArgs{100, 0, nil})
	r := stand(t, p, owner)
	now := time.UnixMilli(int64(p.time))
	at := func(d time.Duration) time.Time { return now.Add(d) }
	a := &relay.Attendance{Room: r.id, Relay: p.c.id(paul), Seq: 1, Time: p.time, Count: 50}
	r.takeReport(a.Sign(p.c.keys[paul]), now, now)
	r.roster.here[p.c.id(paul)] = &attendee{}
	r.attend(now)
	if !r.crowd.on || !r.seats(p.c.id(pia), p.by(l, pia)) {
		t.Fatalf("with a relay: %+v", r.crowd)
	}
	delete(r.roster.here, p.c.id(paul))
	r.attend(at(time.Second))
	if !r.crowd.on || r.seats(p.c.id(pia), p.by(l, pia)) {
		t.Errorf("without it: %+v", r.crowd)
	}
	end := at(time.Second + crowdDwell)
	if next := r.attendance.next(at(time.Second)); !next.Equal(end) {
		t.Errorf("wakes at %v, want %v", next, end)
	}
	if r.attend(end); r.crowd.on || !r.crowd.until.IsZero() {
		t.Errorf("after all: %+v", r.crowd)
	}
}

// stand is a room that does not run, on a play's log.
func stand(t testing.TB, p *play, who int) *Room {
	r := &Room{me: p.c.id(who), charter: p.c.charter, id: p.c.charter.ID(), cfg: Config{Key: p.c.keys[who]}}
	r.log, r.roster, r.intake, r.guard = p.l, newRoster(), newIntake(), newGuard()
	r.renew(time.UnixMilli(int64(p.time)))
	r.view.Store(&view{snapshot: &Snapshot{State: r.state}})
	return r
}

// said are the records of the presence channel that package relay has, as somebody signs them.
func reportsBy(p *play, who int) map[string][]byte {
	k, now := p.c.keys[who], p.time
	return map[string][]byte{
		"attendance": (&relay.Attendance{Room: p.l.room, Relay: k.ID(), Seq: 1, Time: now, Count: 3}).Sign(k),
		"floor":      (&relay.Floor{Room: p.l.room, Host: k.ID(), Seq: 1, Time: now}).Sign(k),
		"complaint":  (&relay.Complaint{Room: p.l.room, Relay: p.c.id(paul), Who: k.ID(), Fault: relay.Drops, Time: now}).Sign(k),
	}
}

// TestReportsOfWhom: each record is taken from those who may, and passed on to the audience unless it is a complaint.
func TestReportsOfWhom(t *testing.T) {
	p := newPlay(t)
	_, _, l := p.start()
	p.admit("pia", pia, p.by(l, pia))
	p.carrier("relay", paul, 0)
	r := stand(t, p, owner)
	now := time.UnixMilli(int64(p.time))
	allowed := map[int][]string{
		mona: {"attendance", "floor", "complaint"},
		pia:  {"complaint"},
		paul: {"attendance", "complaint"},
		eve:  nil,
	}
	for who, may := range allowed {
		for kind, raw := range reportsBy(p, who) {
			m, err := inspect(ChannelPresence, raw)
			if err != nil || m.who != p.c.id(who) || m.room != r.id || !r.guard.fresh(m, now) {
				t.Fatalf("%s: %+v, %v", kind, m, err)
			}
			want := false
			for _, k := range may {
				want = want || k == kind
			}
			if got := r.state.entitles(m); got != want {
				t.Errorf("%s by %d: %t", kind, who, got)
			}
			if got := r.FeedsAudience(ChannelPresence, raw); got != (kind != "complaint") {
				t.Errorf("%s is fed to the audience: %t", kind, got)
			}
			if r.guard.fresh(m, now.Add(maxSkew+time.Minute)) {
				t.Errorf("%s is fresh for ever", kind)
			}
			if _, err := inspect(ChannelHands, raw); err == nil {
				t.Errorf("%s on the channel of hands", kind)
			}
		}
	}
	beat := func(who int, hand []byte) []byte {
		return signPresence(p.c.keys[who], &Presence{Room: r.id, Who: p.c.id(who), Time: p.time, Hand: hand})
	}
	for _, tt := range []struct {
		name string
		raw  []byte
		want bool
	}{
		{"a moderator's heartbeat", beat(mona, nil), true},
		{"a relay's heartbeat", beat(paul, nil), true},
		{"a listener's heartbeat", beat(pia, nil), false},
		{"one with a hand", beat(pia, []byte{1}), true},
		{"noise", []byte{1, 2, 3}, false},
	} {
		if got := r.FeedsAudience(ChannelPresence, tt.raw); got != tt.want {
			t.Errorf("%s is fed: %t", tt.name, got)
		}
	}
	if !r.FeedsAudience(ChannelLog, nil) || !r.FeedsAudience(ChannelHands, nil) || r.FeedsAudience("other", nil) {
		t.Error("whole channels are fed wrongly")
	}
}

// TestAttendanceIsBounded: nobody counts for more people than their grant and advert allow, and who is put out for none.
func TestAttendanceIsBounded(t *testing.T) {
	p := newPlay(t)
	p.start()
	cred := p.carrier("relay", paul, 10)
	r := stand(t, p, owner)
	claim := func(seq, count uint32, want int) {
		t.Helper()
		now := time.UnixMilli(int64(p.time))
		a := &relay.Attendance{Room: r.id, Relay: p.c.id(paul), Seq: seq, Time: p.time, Count: count}
		r.takeReport(a.Sign(p.c.keys[paul]), now, now)
		r.countAt = time.Time{}
		r.attend(now)
		if r.count != want {
			t.Errorf("a claim of %d counts for %d, want %d", count, r.count, want)
		}
	}
	claim(1, 7, 7)
	claim(2, 5000, 10)
	p.do("offer", paul, cred, KindAdvert, room, AdvertArgs{4, 0, nil})
	r.renew(time.UnixMilli(int64(p.time)))
	claim(3, 5000, 4)
	p.do("kick", owner, nil, KindKick, paul, RemoveArgs{})
	r.renew(time.UnixMilli(int64(p.time)))
	r.attend(time.UnixMilli(int64(p.time)).Add(countEvery))
	if r.count != 0 || len(r.raws) != 0 {
		t.Errorf("who was put out counts for %d", r.count)
	}
	claim(4, 5, 0)
}

// TestComplaints: what one branch has against a relay moves nothing, what most have lowers its weight.
func TestComplaints(t *testing.T) {
	p := newPlay(t)
	_, _, l := p.start()
	p.admit("pia", pia, p.by(l, pia))
	p.admit("pete", pete, p.by(l, pete))
	cred := p.carrier("relay", paul, 64)
	p.do("offer", paul, cred, KindAdvert, room, AdvertArgs{64, 0, nil})
	r := stand(t, p, owner)
	now := time.UnixMilli(int64(p.time))
	weight := func() uint16 { return r.viewRelays(now)[0].Weight }
	full := weight()
	for _, who := range []int{pia, pete, eve} { // two of one link, and nobody
		r.takeReport(reportsBy(p, who)["complaint"], now, now)
	}
	if weight() != full {
		t.Errorf("one branch lowers %d to %d", full, weight())
	}
	r.takeReport(reportsBy(p, mona)["complaint"], now, now)
	r.takeReport(reportsBy(p, mark)["complaint"], now, now)
	if got := weight(); got >= full || got == 0 {
		t.Errorf("three branches leave %d of %d", got, full)
	}
}

// TestFloor: the latest of the acting host counts, for a while, and nobody else's.
func TestFloor(t *testing.T) {
	p := newPlay(t)
	monas, _, _ := p.start()
	p.grant("pete", mona, monas, pete, moderator, false)
	r := stand(t, p, pia)
	arrive := func(who int) {
		r.roster.here[p.c.id(who)] = &attendee{Presence: Presence{Who: p.c.id(who)}}
		if s := r.snapshot(time.UnixMilli(int64(p.time))); s.Host != r.host() || s.Host != p.c.id(who) {
			t.Fatalf("%d came, and %v hosts", who, s.Host)
		}
	}
	now := time.UnixMilli(int64(p.time))
	put := func(who int, seq uint32, at uint64) {
		f := &relay.Floor{Room: r.id, Host: p.c.id(who), Seq: seq, Time: at}
		r.takeReport(f.Sign(p.c.keys[who]), now, now)
	}
	expect := func(who int, seq uint32) {
		t.Helper()
		if r.floor == nil || r.floor.Host != p.c.id(who) || r.floor.Seq != seq {
			t.Fatalf("floor %+v", r.floor)
		}
	}
	put(mona, 1, p.time)
	if r.floor != nil {
		t.Fatalf("the floor of somebody who is not here: %+v", r.floor)
	}
	arrive(pete)
	put(pete, 7, p.time)
	expect(pete, 7)
	arrive(mona)
	put(mona, 2, p.time)
	put(mona, 1, p.time-1000)
	put(pia, 9, p.time)
	put(pete, 8, p.time)
	put(owner, 9, p.time)
	expect(mona, 2)
	r.attend(now.Add(floorLife))
	if r.floor != nil {
		t.Error("an old floor is shown")
	}
}

// TestBeaconDue: when an epoch is made because relays wait for a beacon.
func TestBeaconDue(t *testing.T) {
	p := newPlay(t)
	p.start()
	p.do("epoch", owner, nil, KindEpoch, room, EpochArgs{identity.Hash{1}, 1})
	made := time.UnixMilli(int64(p.time))
	r := stand(t, p, owner)
	due := func() (time.Duration, bool) {
		r.renew(made)
		wait, needed := r.rotationDue(made)
		return wait, needed
	}
	if _, needed := due(); needed {
		t.Error("an epoch for no relay")
	}
	cred := p.carrier("relay", paul, 0)
	if _, needed := due(); needed {
		t.Error("an epoch for a relay that offers nothing")
	}
	p.do("offer", paul, cred, KindAdvert, room, AdvertArgs{9, 0, nil})
	// The first epoch of all is in use at once, as if it had been seen before.
	if wait, needed := due(); !needed || wait != beaconFirst+rotateWait-EpochDelay {
		t.Errorf("the first relay waits for %v, %t", wait, needed)
	}
	p.do("second", owner, nil, KindEpoch, room, EpochArgs{identity.Hash{2}, 2})
	made = time.UnixMilli(int64(p.time))
	if _, needed := due(); needed {
		t.Error("an epoch though every relay has a beacon")
	}
	other := p.carrier("other", eve, 0)
	p.do("offer too", eve, other, KindAdvert, room, AdvertArgs{9, 0, nil})
	if wait, needed := due(); !needed || wait != beaconEvery+rotateWait {
		t.Errorf("the second relay waits for %v, %t", wait, needed)
	}
	if wait, _ := r.rotationDue(made.Add(time.Hour)); wait != rotateWait {
		t.Errorf("an hour later it waits for %v", wait)
	}
}

// FuzzReport throws anything at the channel of heartbeats.
func FuzzReport(f *testing.F) {
	p := &play{t: &testing.T{}, c: newCast(f, 1), time: dawn, ops: map[string]*Op{}}
	p.l = p.c.log()
	for _, raw := range reportsBy(p, owner) {
		f.Add(raw)
	}
	f.Add(signPresence(p.c.keys[owner], &Presence{Room: p.l.room, Who: p.c.id(owner), Time: dawn}))
	r := stand(f, p, owner2)
	now := time.UnixMilli(dawn)
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := inspect(ChannelPresence, raw)
		if err == nil && m.room == r.id && m.who != r.me && m.who != p.c.id(owner) && r.state.entitles(m) && m.kind == recordAttendance {
			t.Error("a stranger's attendance is taken")
		}
		r.takeReport(raw, now, now)
		_ = r.FeedsAudience(ChannelPresence, raw)
		r.attend(now)
	})
}
