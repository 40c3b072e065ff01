// Uitest serves the page over a scripted room, to develop and measure the page
// without a network, a microphone or other people.
//
//	go run ./cmd/stoa/ui/uitest -people 500 -stage 20 -speaking 10
//
// It prints an address that lets one browser in, and another one for each line on
// standard input, which says where it leads. A line that is a JSON object is a merge
// patch, which is laid over what the page is shown. Nothing is kept: a page has to
// be let in again after it ends. The same -seed tells the same story.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/sync/errgroup"

	"stoa/cmd/stoa/ui"
	"stoa/identity"
)

func main() {
	var cast cast
	flag.IntVar(&cast.people, "people", 40, "how many are in the room, the person at the page among them")
	flag.IntVar(&cast.stage, "stage", 6, "how many of them are on the stage")
	flag.IntVar(&cast.speaking, "speaking", 2, "how many speak at once")
	flag.Uint64Var(&cast.seed, "seed", 1, "what chance begins with")
	cast.role = identity.RoleOwner
	flag.Func("role", "what the person is: owner (unless said), moderator, speaker or listener", func(word string) (err error) {
		cast.role, err = identity.ParseRole(word)
		return err
	})
	flag.BoolVar(&cast.fresh, "new", false, "the person has no name yet and is in no room")
	port := flag.Int("port", 0, "to listen on; 0: the usual one, else any")
	dir := flag.String("dir", "", "serve the page of this folder instead of the built-in one")
	flag.Parse()
	if err := run(cast, *port, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "uitest:", err)
		os.Exit(1)
	}
}

func run(cast cast, port int, dir string) error {
	if err := cast.check(); err != nil {
		return err
	}
	var files fs.FS
	if dir != "" {
		files = os.DirFS(dir)
	}
	p := newPlay(cast)
	srv, err := ui.Open(ui.Config{
		Node: p, Do: http.HandlerFunc(p.do), Files: files, Port: port,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})),
	})
	if err != nil {
		return err
	}
	p.tell = srv.Tell
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return srv.Run(ctx) })
	g.Go(func() error { p.run(ctx); return nil })
	fmt.Println(srv.Address(""))
	go func() { // ends with the program: a read of standard input cannot be interrupted
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			if line := lines.Text(); !strings.HasPrefix(line, "{") {
				fmt.Println(srv.Address(line))
			} else if err := p.lay([]byte(line)); err != nil {
				fmt.Fprintln(os.Stderr, "uitest:", err)
			}
		}
	}()
	return g.Wait()
}
