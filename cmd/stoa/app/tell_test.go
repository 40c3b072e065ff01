package app

import (
	"fmt"
	"testing"
	"testing/synctest"
)

func TestTellerKeepsOrderAndTellsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		tell := newTeller(func(e Event) { got = append(got, e.Text) })
		for i := range 10 {
			tell.tell(Event{Kind: EventError, Text: fmt.Sprint(i)})
		}
		go tell.run()
		synctest.Wait()
		tell.tell(Event{Kind: EventError, Text: "10"})
		tell.close()
		tell.tell(Event{Kind: EventError, Text: "too late"})
		synctest.Wait()
		if fmt.Sprint(got) != "[0 1 2 3 4 5 6 7 8 9 10]" {
			t.Errorf("told %v", got)
		}
	})
}

// A reader who stands still keeps nobody waiting, and loses the oldest news
// but none of the newest.
func TestTellerWithAReaderWhoStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		still := make(chan struct{})
		var got []Event
		tell := newTeller(func(e Event) {
			<-still
			got = append(got, e)
		})
		go tell.run()
		tell.tell(Event{Kind: EventReady})
		synctest.Wait() // the reader has that one and stands still
		for i := range maxUntold + 5 {
			tell.tell(Event{Kind: EventMember, Place: i})
			tell.tell(Event{Kind: EventStats, Place: i})
		}
		close(still)
		tell.close()
		synctest.Wait()
		if len(got) != 1+maxUntold {
			t.Fatalf("told %d", len(got))
		}
		if last := got[len(got)-1]; last.Kind != EventMember || last.Place != maxUntold+4 {
			t.Errorf("the last told is %+v", last)
		}
		for i := 2; i < len(got); i++ {
			if got[i].Place < got[i-1].Place {
				t.Fatalf("told %d after %d", got[i].Place, got[i-1].Place)
			}
		}
	})
}
