// Expired makes a link that was good until an hour ago:
//
//	expired HOME LINK   prints another link to the room of LINK, signed by the key in HOME
//
// The key is an owner's. Their stoa makes no such link, and a test does not wait for one
// to expire: links live two minutes longer than they say.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"stoa/identity"
)

func main() {
	link, err := expired(os.Args[1:], time.Now())
	if err != nil {
		fmt.Fprintln(os.Stderr, "expired:", err)
		os.Exit(1)
	}
	fmt.Println(link)
}

func expired(args []string, now time.Time) (string, error) {
	if len(args) != 2 {
		return "", errors.New("give it the home of a room's owner, and a link to the room")
	}
	key, err := identity.LoadKey(filepath.Join(args[0], "identity.key"), func() (string, error) {
		return "", errors.New("the key is locked")
	})
	if err != nil {
		return "", err
	}
	link, err := identity.ParseInvite(args[1])
	if err != nil {
		return "", err
	}
	terms := identity.Terms{Role: identity.RoleListener, Expires: now.Add(-time.Hour)}
	link.Chain, link.Seed, err = identity.IssueInvite(key, nil, terms, link.Room)
	if err != nil {
		return "", err
	}
	return link.String(), nil
}
