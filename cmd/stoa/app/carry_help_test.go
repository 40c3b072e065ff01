package app

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"stoa/identity"
	"stoa/node"
)

// TestCarrierHelps has rita, who may only speak, carry for ann and bob.
func TestCarrierHelps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCarrying()
		rita := being("rita", identity.RoleSpeaker)
		c.porch.snapshot.Me = rita
		c.porch.snapshot.State.Members[rita.ID] = rita.Member
		defer c.start(t)()
		if len(c.look().served) != 0 {
			t.Fatal("she carries though nobody needs it")
		}
		both := []identity.ID{idOf("ann"), idOf("bob")}
		c.help(both)
		seen := c.look()
		if len(seen.served) != 1 || seen.served[0].Slots != helpSlots || seen.served[0].Up != helpUp || seen.roster != nil {
			t.Fatalf("served %+v", seen.served)
		}
		admit := seen.served[0].Admit
		for who, want := range map[string]node.Admission{"ann": node.Yes, "bob": node.Yes, "cid": node.NotYet, "stranger": node.No} {
			if got := admit(idOf(who), nil); got != want {
				t.Errorf("%s: admission %v, want %v", who, got, want)
			}
		}
		if !seen.served[0].VoiceOnly {
			t.Error("she does more for those whom she helps than to carry voices")
		}
		c.receive(packets(t, "ann", 1)[0], time.Now())
		if len(c.fan.packets) != 1 {
			t.Error("ann's packet is not passed on")
		}
		if c.serving() {
			t.Error("she is taken for a relay of the room")
		}
		time.Sleep(carriedTold)
		synctest.Wait()
		c.help(both[:1])
		time.Sleep(carriedTold)
		seen = c.look()
		if len(seen.adverts)+len(seen.attended) != 0 {
			t.Error("she tells the room of slots, or of listeners")
		}
		if len(seen.digests) == 0 {
			t.Error("there are no digests")
		}
		if got := admit(idOf("bob"), nil); got != node.NotYet {
			t.Errorf("bob, who needs it no more: admission %v", got)
		}
		c.help(nil)
		time.Sleep(time.Second)
		if !c.look().closed {
			t.Error("she goes on though nobody needs it")
		}
		if got, want := c.told(), []string{EventHelp, EventHelp, EventDrain, EventHelp + " off"}; !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}

		c.refuse(true)
		c.fan.reopen()
		c.help(both)
		if len(c.look().served) != 1 || c.helps() {
			t.Error("she is made to help against her will")
		}
		c.refuse(false)
		if len(c.look().served) != 2 || !c.helps() {
			t.Error("she does not help though she would")
		}
		c.refuse(true)
		if !c.look().closed {
			t.Error("she goes on after she has refused")
		}
	})
}

// TestHelperBecomesRelay ends the one before it begins the other.
func TestHelperBecomesRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCarrying()
		defer c.start(t)()
		c.help([]identity.ID{idOf("ann")})
		c.look()
		c.want(true)
		if seen := c.look(); len(seen.served) != 2 || seen.served[0].Slots != helpSlots || seen.served[1].Slots != 10 || !c.serving() {
			t.Errorf("served %+v", seen.served)
		}
		c.want(false)
		if seen := c.look(); len(seen.served) != 3 || seen.served[2].Slots != helpSlots || seen.roster != nil {
			t.Errorf("served %+v", seen.served)
		}
	})
}
