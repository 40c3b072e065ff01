package ui

import (
	"fmt"
	"net/http"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"stoa/cmd/stoa/serve"
)

// A state that never rests is told ten times a second, and what a page puts
// together of the patches is what it is.
func TestPatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := serving(t).enter()
		a := b.listen()
		if data := a.until("state"); data != `{"secret":"of the room"}` {
			t.Fatalf("state %s", data)
		}
		const lasts = 5 * time.Second
		go func() {
			for i := range int(lasts / time.Millisecond) {
				time.Sleep(time.Millisecond)
				b.node.set(fmt.Sprint("at ", i%100), i)
			}
			b.node.set("last", true)
		}()
		patches, begin := 0, time.Now()
		for a.at("last") == nil {
			switch name, _ := a.next(); name {
			case "patch":
				patches++
			case "state", "":
				t.Fatalf("%q in place of a patch", name)
			}
		}
		if most := int(time.Since(begin)/stateGap) + 1; patches > most || patches < most/2 {
			t.Errorf("%d patches, not about %d", patches, most)
		}
		b.node.mu.Lock()
		defer b.node.mu.Unlock()
		want := map[string]any{}
		for name, v := range b.node.doc {
			want[name] = v
		}
		if got := a.doc.(map[string]any); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("state %v, want %v", got, want)
		}
	})
}

// Who does not read is owed one state, however much happens meanwhile, and is
// cut off at last. The others are told everything.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := serving(t).enter()
		slow := b.listen()
		quick := b.listen()
		slow.until("state")
		quick.until("state")
		const changes = 60
		for i := range changes {
			b.node.set("n", i)
			b.server.Tell("react", i)
			quick.until("patch")
		}
		if n := quick.at("n"); fmt.Sprint(n) != fmt.Sprint(changes-1) {
			t.Errorf("the quick one is at %v", n)
		}
		states, patches := 0, 0
		for fmt.Sprint(slow.at("n")) != fmt.Sprint(changes-1) {
			switch name, _ := slow.next(); name {
			case "patch":
				patches++
			case "state":
				states++
			case "":
				t.Fatal("cut off too early")
			}
		}
		// What was on its way when it stopped reading, and net/http's buffers.
		if states != 1 || patches > 3 {
			t.Errorf("%d states and %d patches were owed", states, patches)
		}

		time.Sleep(2 * (beatGap + writeTime))
		for begin := time.Now(); ; {
			if name, _ := slow.next(); name == "" {
				break
			}
			if time.Since(begin) > beatGap {
				t.Fatal("who reads nothing is told everything")
			}
		}
	})
}

// While the node hangs nothing ticks, and the rest of the server goes on.
func TestHungNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := serving(t).enter()
		a := b.listen()
		a.until("state")
		last := time.Now()
		for range 5 {
			a.until("tick")
			if d := time.Since(last); d > beatGap+stateGap {
				t.Errorf("a tick after %v", d)
			}
			last = time.Now()
		}
		hang := make(chan struct{})
		b.node.mu.Lock()
		b.node.hang = hang
		b.node.mu.Unlock()
		time.AfterFunc(time.Minute, func() {
			b.node.mu.Lock()
			b.node.hang = nil
			b.node.mu.Unlock()
			close(hang)
		})
		if status, _, _ := b.send(b.request(http.MethodGet, "/", "")); status != 200 {
			t.Errorf("the page: %d", status)
		}
		a.until("tick")
		if d := time.Since(last); d < 50*time.Second {
			t.Errorf("a tick after %v while the node hung", d)
		}
	})
}

func TestLevels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := serving(t).enter()
		a := b.listen()
		a.until("state")
		b.node.sound(map[string]int{"ann": 50})
		if data := a.until("levels"); data != `{"ann":50}` {
			t.Errorf("levels %s", data)
		}
		begin := time.Now()
		for range 40 {
			a.until("levels")
		}
		if d := time.Since(begin); d < 39*levelGap || d > 41*levelGap {
			t.Errorf("40 levels in %v", d)
		}
		b.node.sound(nil)
		for a.until("levels") != "{}" {
		}
		for range 3 {
			if name, data := a.next(); name == "levels" {
				t.Errorf("levels %s while nobody sounds", data)
			}
		}
	})
}

// Moments come in order; who is far behind misses the oldest.
func TestMoments(t *testing.T) {
	f := newFeed()
	f.tell(event{"react", []byte("before")})
	at := f.join()
	for i := range 3 * momentsKept {
		f.tell(event{"react", fmt.Append(nil, i)})
	}
	news, _, _ := f.since(&at)
	if len(news) != momentsKept || string(news[0].data) != fmt.Sprint(2*momentsKept) {
		t.Errorf("%d moments from %s on", len(news), news[0].data)
	}
	f.tell(event{"link", []byte("{}")})
	if news, _, _ := f.since(&at); !reflect.DeepEqual(news, []event{{"link", []byte("{}")}}) {
		t.Errorf("news %v", news)
	}
}

// A page that opens is told what is so now, not what was when the last one closed.
func TestStateGrowsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := serving(t).enter()
		a := b.listen()
		a.until("state")
		a.body.Close()
		synctest.Wait()
		b.node.set("n", 1)
		time.Sleep(time.Minute)
		b.node.set("n", 2)
		if data := b.listen().until("state"); data != `{"n":2,"secret":"of the room"}` {
			t.Errorf("state %s", data)
		}
	})
}

// The oldest page of a browser gives way; pages of many browsers have a bound.
func TestStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := serving(t).enter()
		first := b.listen()
		first.until("state")
		for range maxPerBrowser {
			b.listen().until("state")
		}
		first.until("asleep")
		if name, _ := first.next(); name != "" {
			t.Errorf("%q after asleep", name)
		}
		if open, visible := b.server.Pages(); open != maxPerBrowser || visible != 0 {
			t.Errorf("%d pages, %d seen", open, visible)
		}
		b.post("/visible", `{"visible":true}`)
		if _, visible := b.server.Pages(); visible == 0 {
			t.Error("none is seen")
		}
		for open := maxPerBrowser; open < maxStreams; open++ {
			if open%maxPerBrowser == 0 {
				b.cookie = ""
				b.enter()
			}
			b.listen().until("state")
		}
		b.cookie = ""
		b.enter()
		if status, _, text := b.send(b.request(http.MethodGet, "/events", "")); status != 503 {
			t.Errorf("one more: %d %s", status, text)
		}
	})
}

// The end is told, with the last state before it, and nothing is left behind:
// the bubble of the test would not end.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := serving(t).enter()
		a := b.listen()
		a.until("state")
		time.Sleep(stateGap)
		b.node.mu.Lock()
		b.node.doc["phase"] = "over" // and tells nobody
		b.node.mu.Unlock()
		begin, ended := time.Now(), make(chan error, 1)
		go func() { ended <- b.stop() }()
		for {
			if name, _ := a.next(); name == "" {
				break
			}
		}
		if a.at("phase") != "over" {
			t.Errorf("the last state is %v", a.doc)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if d := time.Since(begin); d > serve.Farewell {
			t.Errorf("ended after %v", d)
		}
	})
}
