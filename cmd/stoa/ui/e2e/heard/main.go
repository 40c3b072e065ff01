// Heard listens to a recording that a stoa makes with --out:
//
//	heard RECORDING CLIP   waits until the speech in a WAV file is recognised in it
//	heard RECORDING        waits until there is nothing to hear in it for two seconds
//
// Only what is recorded from now on counts. It fails after 40 seconds.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"stoa/cmd/stoa/process/hear"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	if err := listen(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "heard:", err)
		os.Exit(1)
	}
}

func listen(ctx context.Context, args []string) error {
	switch len(args) {
	case 1:
		return hear.Tape(args[0]).Silent(ctx, 2*time.Second)
	case 2:
		clip, err := hear.Seek(args[1])
		if err != nil {
			return err
		}
		share, err := hear.Tape(args[0]).Hears(ctx, clip)
		if err == nil {
			fmt.Printf("found in %.2f\n", share)
		}
		return err
	default:
		return fmt.Errorf("give it a recording, and a clip to recognise")
	}
}
