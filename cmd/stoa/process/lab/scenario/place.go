// Networks and nodes.
//
//	site NAME [nat=none|full|port|symmetric|double] [ip=4|6|both] [block=udp] [only=443]
//	     [uplink=none] [ports=yes] [line=WORD,…] [up=WORD,…] [down=WORD,…]
//	node NAME at SITE dht|opens|joins|relay|visits [says=LETTER|LETTER+] [role=ROLE]
//	     [muted=yes] [hints=no] [clock=TIME] [-- FLAG…]
//	node NAME at SITE crowd of=N [hints=no] …
//	apart NODE NODE
//
// The clips that can be said are a to j; a+ is a without a breath, and with marks by which
// the way from mouth to ear is measured. The words of line= (both directions), up= and
// down= are those of package hop with commas for spaces. What follows -- goes to the
// program as it stands.

package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"stoa/cmd/stoa/process/lab/hop"
)

func (r *reader) site(words []string) error {
	if len(words) == 0 || !isName(words[0]) {
		return errors.New("a site has a name of at most 12 letters and digits")
	}
	if r.siteIndex(words[0]) >= 0 {
		return fmt.Errorf("there is a site %s already", words[0])
	}
	if len(r.s.Sites) == maxSites {
		return fmt.Errorf("more than %d sites", maxSites)
	}
	opts, err := options(words[1:], "nat", "ip", "block", "only", "uplink", "ports", "line", "up", "down")
	if err != nil {
		return err
	}
	s := Site{Name: words[0], NAT: NoNAT, IP: IPv4}
	if s.Up, s.Down, err = impairment(opts); err != nil {
		return err
	}
	for name, value := range opts {
		var err error
		switch name {
		case "nat":
			s.NAT, err = oneOf(value, NoNAT, FullCone, PortNAT, Symmetric, DoubleNAT)
		case "ip":
			s.IP, err = oneOf(value, IPv4, IPv6, Both)
		case "block":
			_, err = oneOf(value, "udp")
			s.NoUDP = true
		case "only":
			_, err = oneOf(value, "443")
			s.Only443 = true
		case "uplink":
			_, err = oneOf(value, "none")
			s.Offline = true
		case "ports":
			_, err = oneOf(value, "yes")
			s.Ports = true
		}
		if err != nil {
			return fmt.Errorf("%s=: %w", name, err)
		}
	}
	switch {
	case s.Offline && (s.NAT != NoNAT || s.NoUDP || s.Only443 || s.Ports || s.Up+s.Down != ""):
		return errors.New("a site without uplink has no router to say something of")
	case s.Ports && (s.NAT == NoNAT || s.NAT == DoubleNAT || s.IP == IPv6):
		return errors.New("ports=yes is for one router with a NAT")
	}
	r.s.Sites = append(r.s.Sites, s)
	return nil
}

func (r *reader) node(words []string) error {
	words, args := behindDashes(words)
	if len(words) < 4 || words[1] != "at" {
		return errors.New("node NAME at SITE KIND …")
	}
	name, kind := words[0], words[3]
	site := r.siteIndex(words[2])
	switch {
	case !isName(name) || name == "all":
		return fmt.Errorf("%q is no name of at most 12 letters and digits", name)
	case r.nodeIndex(name) >= 0:
		return fmt.Errorf("there is a node %s already", name)
	case site < 0:
		return fmt.Errorf("there is no site %s", words[2])
	case len(r.s.Nodes) == maxNodes:
		return fmt.Errorf("more than %d nodes", maxNodes)
	}
	n := Node{Name: name, Site: site, Args: args}
	var err error
	if n.Kind, err = oneOf(kind, DHT, Opens, Joins, Relay, Crowd, Visits); err != nil {
		return err
	}
	if n.Kind == Opens && slices.ContainsFunc(r.s.Nodes, func(o Node) bool { return o.Kind == Opens }) {
		return errors.New("one node opens the room already")
	}
	opts, err := options(words[4:], "says", "of", "role", "muted", "hints", "clock")
	if err != nil {
		return err
	}
	for name, value := range opts {
		switch name {
		case "says":
			n.Says = value
			if letter := strings.TrimSuffix(value, "+"); len(letter) != 1 || letter[0] < 'a' || letter[0] > 'j' {
				err = errors.New("the clips are a to j, and a+ to j+")
			}
		case "of":
			n.Count, err = count(value, 1, maxCrowd)
		case "role":
			n.Role, err = oneOf(value, "listener", "speaker", "moderator")
		case "muted":
			_, err = oneOf(value, "yes")
			n.Muted = true
		case "hints":
			_, err = oneOf(value, "no")
			n.Nohint = true
		case "clock":
			if n.Clock, err = time.ParseDuration(value); err == nil && n.Clock.Abs() > 24*time.Hour {
				err = errors.New("more than a day")
			}
		}
		if err != nil {
			return fmt.Errorf("%s=: %w", name, err)
		}
	}
	switch {
	case n.Says != "" && n.Kind != Opens && n.Kind != Joins:
		return fmt.Errorf("what %s says nothing", n.Kind)
	case (n.Count > 0) != (n.Kind == Crowd):
		return errors.New("of= is for a crowd, and a crowd needs it")
	}
	r.s.Nodes = append(r.s.Nodes, n)
	return nil
}

// apart forbids two machines to exchange packets from the beginning.
func (r *reader) apart(words []string) error {
	pair, err := r.pair(words)
	if err == nil {
		r.s.Apart = append(r.s.Apart, pair)
	}
	return err
}

// pair reads two nodes at different sites.
func (r *reader) pair(words []string) (pair [2]int, err error) {
	if len(words) != 2 {
		return pair, errors.New("two nodes are needed")
	}
	for i, w := range words {
		if pair[i] = r.nodeIndex(w); pair[i] < 0 {
			return pair, fmt.Errorf("there is no node %s", w)
		}
	}
	if r.s.Nodes[pair[0]].Site == r.s.Nodes[pair[1]].Site {
		return pair, errors.New("only machines at different sites can be kept apart")
	}
	return pair, nil
}

func (r *reader) siteIndex(name string) int {
	return slices.IndexFunc(r.s.Sites, func(s Site) bool { return s.Name == name })
}

func (r *reader) nodeIndex(name string) int {
	return slices.IndexFunc(r.s.Nodes, func(n Node) bool { return n.Name == name })
}

// behindDashes cuts words at --.
func behindDashes(words []string) (before, behind []string) {
	if i := slices.Index(words, "--"); i >= 0 {
		return words[:i], words[i+1:]
	}
	return words, nil
}

// impairment reads line=, up= and down=.
func impairment(opts map[string]string) (up, down string, err error) {
	if _, both := opts["line"]; both && (opts["up"] != "" || opts["down"] != "") {
		return "", "", errors.New("line= stands for up= and down= at once")
	}
	texts := map[string]*string{"line": &up, "up": &up, "down": &down}
	for name, into := range texts {
		if opts[name] == "" {
			continue
		}
		line, err := hop.Parse(strings.ReplaceAll(opts[name], ",", " "))
		if err != nil {
			return "", "", fmt.Errorf("%s=: %w", name, err)
		}
		if *into = line.String(); name == "line" {
			down = up
		}
	}
	return up, down, nil
}
