// What `stoa doctor` makes of what was found: one plain sentence each, and what
// to do. Pure.

package app

import (
	"fmt"
	"strings"
	"time"

	"stoa/identity"
	"stoa/node"
)

// judgeHome takes what came of writing into the home.
func judgeHome(err error) Finding {
	f := Finding{Check: "home", Verdict: Fine, Code: "home_fine", Text: "your home can be written"}
	if err != nil {
		why := Explain(err)
		f.Verdict, f.Code, f.Text, f.Do = Broken, "home_broken", "your home cannot be written: "+why.Text, why.Hint
	}
	return f
}

// Levels of a microphone, in dB below full scale: what a quiet room gives
// through a good one, and what speech gives that others hear well.
const (
	levelDead  = -80
	levelQuiet = -55
	clipShare  = 0.001
)

// device begins a finding about the microphone or the loudspeaker, which gives or
// takes sound and is there to speak or to listen. It is complete where the device
// cannot be used; connect says what to do where it did not open.
func (s *soundFacts) device(name, does, to, connect string) (f Finding, complete bool) {
	f = Finding{Check: name, Verdict: Fine}
	switch {
	case s.unasked:
		f.Code, f.Text = name+"_unasked", "not looked at"
	case s.absent:
		f.Verdict, f.Code, f.Text, f.Do = Worth, "no_sound", "this stoa was built without sound", "to "+to+", use one that was built with cgo"
	case s.err != nil:
		f.Verdict, f.Code, f.Text, f.Do = Broken, name+"_failed", s.err.Error(), connect
	case s.samples == 0:
		f.Verdict, f.Code, f.Text, f.Do = Broken, name+"_empty", "the "+name+" opens but "+does+" no sound", "choose another one in your system's sound settings"
	default:
		return f, false
	}
	return f, true
}

// named adds to a finding which device it is about.
func (s *soundFacts) named(f Finding) Finding {
	if s.name == "" || s.err != nil {
		return f
	}
	f.Text += ": " + s.name
	f.About = s.name
	if s.instead != "" {
		if f.Verdict == Fine {
			f.Verdict, f.Code = Worth, f.Check+"_instead"
		}
		f.Text += ", since " + s.instead + " cannot be used"
	}
	return f
}

func judgeMic(s soundFacts) Finding {
	f, complete := s.device("microphone", "gives", "speak", "connect one, or allow this program to use it; --in silence joins without")
	switch {
	case complete:
	case s.peak == 0 || s.level < levelDead:
		f.Verdict, f.Code, f.Text, f.Do = Broken, "microphone_dead", "the microphone opens but hears nothing at all", "it may be muted: look at its switch and at your system's sound settings"
	case s.clipped > clipShare:
		f.Verdict, f.Code, f.Text, f.Do = Worth, "microphone_loud", "the microphone is too loud: it is cut off at full scale", "turn it down in your system's sound settings"
	case s.level < levelQuiet:
		f.Code = "microphone_quiet"
		f.Text, f.Do = fmt.Sprintf("the microphone works; it heard hardly anything (%.0f dB)", s.level), "run this again while you speak, to see its level"
	default:
		f.Code, f.Text = "microphone_fine", fmt.Sprintf("the microphone hears you (%.0f dB)", s.level)
	}
	return s.named(f)
}

func judgeSpeaker(s soundFacts) Finding {
	f, complete := s.device("loudspeaker", "takes", "listen", "connect one; --out null joins without")
	if !complete {
		f.Code, f.Text = "loudspeaker_fine", "the loudspeaker plays"
	}
	return s.named(f)
}

// outside begins a finding about the internet. It is complete where there is
// nothing to say about it.
func (n *networkFacts) outside(check string) (f Finding, complete bool) {
	f = Finding{Check: check, Verdict: Fine}
	switch {
	case n.Problem != "":
		f.Verdict, f.Code, f.Text, f.Do = Broken, "network_broken", n.Problem, "look at --listen and --bootstrap"
		return f, true
	case !n.Outward:
		f.Code, f.Text = strings.TrimPrefix(check, "port ")+"_unneeded", "not needed on this network"
		return f, true
	}
	return f, false
}

// alone says that nobody outside was met at all.
func (n *networkFacts) alone() bool {
	return !n.Reach.UDP && n.Servers == 0 && (n.Reach.Kind == node.ReachLocal || n.Reach.Kind == node.ReachUnknown)
}

func judgeUDP(n networkFacts) Finding {
	f, complete := n.outside("udp")
	switch {
	case complete:
	case n.Reach.UDP:
		f.Code, f.Text = "udp_fine", "UDP gets out: voices take the short way"
	case n.alone():
		f.Verdict, f.Code, f.Text, f.Do = Broken, "udp_nobody", "nobody on the internet can be reached", "see that this machine is online; on a network without internet use --network lan"
	default:
		f.Verdict, f.Code, f.Text, f.Do = Worth, "udp_blocked", "UDP does not get out of this network, TCP does: voices come later, and less evenly", "allow UDP in the firewall, or use another network"
	}
	return f
}

func judgeNAT(n networkFacts) Finding {
	f, complete := n.outside("nat")
	if complete {
		return f
	}
	f.Code, f.Text = "nat_"+string(n.Reach.Kind), reachSentence(n.Reach)
	switch n.Reach.Kind {
	case node.ReachOpen, node.ReachPunch:
	case node.ReachRelayed:
		f.Verdict, f.Do = Worth, "let the router map a port (UPnP or NAT-PMP), or have a relay in the room: `stoa help relay`"
	case node.ReachLocal:
		f.Verdict, f.Do = Worth, "people in it can meet with --network lan"
	default:
		f.Verdict, f.Text, f.Do = Worth, "too little was seen to tell how others reach you", "run this again while you are in a room"
	}
	return f
}

func judgeMapping(n networkFacts) Finding {
	f, complete := n.outside("port mapping")
	switch {
	case complete:
	case n.Reach.Mapped != "":
		f.Code, f.Text, f.About = "mapping_fine", "the router gave a port ("+n.Reach.Mapped+")", n.Reach.Mapped
	case n.Reach.Kind == node.ReachOpen:
		f.Code, f.Text = "mapping_open", "no router has to give a port"
	case n.Asking:
		f.Code, f.Text, f.Do = "mapping_waiting", "the router has not answered yet", "run this again in half a minute"
	case n.Reach.Kind == node.ReachRelayed && n.Reach.UDP:
		f.Verdict, f.Code, f.Text, f.Do = Worth, "mapping_none", "the router gives no port", "turn on UPnP or NAT-PMP in the router: then others reach you directly"
	default:
		f.Code, f.Text = "mapping_none_needed", "the router gives no port, which others do not need"
	}
	return f
}

func judgeIPv6(n networkFacts) Finding {
	f, complete := n.outside("ipv6")
	switch {
	case complete:
	case n.Reach.IPv6:
		f.Code, f.Text = "ipv6_fine", "there is IPv6"
	default:
		f.Code, f.Text = "ipv6_none", "there is no IPv6, which nobody needs who has IPv4"
	}
	return f
}

func judgeDHT(n networkFacts) Finding {
	f := Finding{Check: "dht", Verdict: Fine}
	switch {
	case n.Problem != "":
		f.Verdict, f.Code, f.Text = Broken, "network_broken", n.Problem
	case !n.DHT:
		f.Code, f.Text = "dht_unneeded", "not needed on this network"
	case n.Servers > 0:
		f.Code, f.Text = "dht_fine", fmt.Sprintf("rooms can be found: %s known", count(n.Servers, "directory node is", "directory nodes are"))
	case n.Network == node.Private:
		f.Verdict, f.Code, f.Text, f.Do = Worth, "dht_private", "no other node of the private network is known", "name one that runs with --bootstrap"
	default:
		f.Verdict, f.Code, f.Text, f.Do = Broken, "dht_none", "no directory node answers: rooms can be joined only by the addresses in a link", "see that this machine is online and that a firewall lets it out"
	}
	return f
}

func judgeRelays(n networkFacts) Finding {
	f := Finding{Check: "relay", Verdict: Fine}
	var reached, lost []string
	for _, r := range n.Relays {
		if r.Way == "" {
			lost = append(lost, r.Name)
		} else {
			reached = append(reached, r.Name+" ("+string(r.Way)+")")
		}
	}
	switch {
	case n.Problem != "":
		f.Verdict, f.Code, f.Text = Broken, "network_broken", n.Problem
	case len(n.Relays) == 0:
		f.Code, f.Text = "relay_none", "there are no relays in your rooms"
	case len(lost) == 0:
		f.Code, f.Text, f.About = "relay_fine", "reached: "+strings.Join(reached, ", "), strings.Join(reached, ", ")
	case len(reached) > 0:
		f.Code, f.About = "relay_some", strings.Join(lost, ", ")
		f.Verdict, f.Text, f.Do = Worth, "reached: "+strings.Join(reached, ", ")+"; not reached: "+strings.Join(lost, ", "), "those may not be running now"
	default:
		f.Code, f.About = "relay_lost", strings.Join(lost, ", ")
		f.Verdict, f.Text, f.Do = Broken, "no relay can be reached: "+strings.Join(lost, ", "), "ask who hosts them whether they run; if they do, a firewall is in the way"
	}
	return f
}

// judgeClock takes what people say, or, where there is nobody, the newest thing
// that happened: it cannot be in the future.
func judgeClock(n networkFacts) Finding { return judgeClockAt(n, time.Now()) }

func judgeClockAt(n networkFacts, now time.Time) Finding {
	f := Finding{Check: "clock", Verdict: Fine}
	ahead := n.Latest.Sub(now)
	switch {
	case n.Clock != 0:
		f.Verdict = Worth
		if n.Clock.Abs() > identity.ClockSkew {
			f.Verdict = Broken
		}
		f.Code = "clock_wrong"
		f.Text, f.Do = clockText(n.Clock)
	case n.Others > 1:
		f.Code, f.Text = "clock_fine", "your clock agrees with those of the people in your room"
	case !n.Latest.IsZero() && ahead > identity.ClockSkew:
		f.Verdict, f.Code, f.Text, f.Do = Broken, "clock_wrong", "your clock is "+roughly(ahead)+" behind what happened in your rooms already", "set it right"
	default:
		f.Code, f.Text = "clock_unknown", "there was nobody to compare your clock with"
		if !n.Running {
			f.Do = "run this again while you are in a room"
		}
	}
	return f
}
