package demo

import (
	"context"
	"os"
	"testing"
)

// Whoever was hired is waited for, also one who never got into the room.
func TestDismiss(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{Options: Options{Program: program, Dir: t.TempDir()}}
	var hired []*player
	for _, name := range []string{"owner", "relay 1", "Ada"} {
		p, err := s.hire(context.Background(), name, "-test.run=^$") // it ends by itself
		if err != nil {
			t.Fatal(err)
		}
		hired = append(hired, p)
	}
	s.dismiss()
	for _, p := range hired {
		select {
		case <-p.over:
		default:
			t.Errorf("%s was not waited for", p.name)
		}
	}
}

func TestKillWithoutARelay(t *testing.T) {
	s := &scene{relays: map[string]*player{}, board: testBoard()}
	s.board.dead["r"], s.board.dead["s"] = true, true
	if name, carried := s.kill(); name != "" || len(carried) != 0 {
		t.Errorf("killed %q, which carried %v", name, carried)
	}
}
