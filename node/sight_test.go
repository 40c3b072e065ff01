// Where others see us: what is believed of what they say.

package node

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// A said is one observer's word; a name in capitals is of somebody known.
type said struct{ by, from, seen string }

func sightingsOf(all []said) *sightings {
	s := new(sightings)
	for i, w := range all {
		s.put(fmt.Sprint(i), sighting{by: peer.ID(w.by), observer: netip.MustParseAddr(w.from), seen: netip.MustParseAddrPort(w.seen)})
	}
	return s
}

func inCapitals(p peer.ID) bool { return p[0] >= 'A' && p[0] <= 'Z' }

func TestWhereOthersSeeUs(t *testing.T) {
	const here, there, third = "9.9.9.9:5000", "9.9.9.9:5001", "9.9.9.9:5002"
	tests := []struct {
		name string
		said []said
		want []string
		nat  NAT
	}{
		{"nobody has said anything", nil, nil, NATUnknown},
		{"one stranger", []said{{"a", "1.1.0.1", here}}, nil, NATUnknown},
		{"one who is known", []said{{"A", "1.1.0.1", here}}, []string{here}, NATUnknown},
		{"two strangers of one network", []said{{"a", "1.1.0.1", here}, {"b", "1.1.0.2", here}}, nil, NATUnknown},
		{"two strangers of two networks", []said{{"a", "1.1.0.1", here}, {"b", "2.2.0.1", here}}, []string{here}, NATCone},
		{"one stranger over three connections", []said{{"a", "1.1.0.1", here}, {"a", "1.1.0.1", here}, {"b", "1.1.0.1", here}}, nil, NATUnknown},
		{"another address for each", []said{{"A", "1.1.0.1", here}, {"B", "2.2.0.1", there}, {"c", "3.3.0.1", third}}, nil, NATSymmetric},
		{"who is known lies alone", []said{{"A", "1.1.0.1", "8.8.8.8:5353"}, {"b", "2.2.0.1", here}, {"c", "3.3.0.1", here}, {"d", "4.4.0.1", here}}, []string{here}, NATCone},
		{"two strangers lie alike", []said{{"a", "1.1.0.1", "8.8.8.8:5353"}, {"b", "2.2.0.1", "8.8.8.8:5353"}, {"c", "3.3.0.1", here}, {"d", "4.4.0.1", here},
			{"e", "5.5.0.1", here}, {"f", "6.6.0.1", here}, {"g", "7.7.0.1", here}, {"h", "8.8.0.1", here}}, []string{here}, NATCone},
		{"liars over the other family", []said{{"a", "2600:1::1", "8.8.8.8:5353"}, {"b", "2700:1::1", "8.8.8.8:5353"}, {"C", "3.3.0.1", here}, {"D", "4.4.0.1", "[2600:2::1]:5000"}}, []string{here}, NATUnknown},
		{"one network says another port each time", []said{{"a", "1.1.0.1", "9.9.9.9:6001"}, {"a", "1.1.0.2", "9.9.9.9:6002"}, {"a", "1.1.0.3", "9.9.9.9:6003"}, {"C", "3.3.0.1", here}, {"D", "4.4.0.1", here}, {"e", "5.5.0.1", here}, {"f", "6.6.0.1", here}},
			[]string{here}, NATCone},
		{"port of a service", []said{{"A", "1.1.0.1", "8.8.8.8:53"}}, nil, NATUnknown},
		{"both families", []said{{"A", "1.1.0.1", here}, {"A", "2600:1::1", "[2600:2::1]:5000"}}, []string{here, "[2600:2::1]:5000"}, NATUnknown},
		{"a public address of our own", []said{{"A", "1.1.0.1", "7.7.7.7:5000"}}, []string{"7.7.7.7:5000"}, NATNone},
	}
	for _, tt := range tests {
		s := sightingsOf(tt.said)
		var got []string
		for _, at := range s.candidates(inCapitals) {
			got = append(got, at.String())
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		if nat := s.nat([]netip.Addr{netip.MustParseAddr("7.7.7.7")}); nat != tt.nat {
			t.Errorf("%s: NAT %q, want %q", tt.name, nat, tt.nat)
		}
	}
}

// Whatever anybody says, there are few addresses to be called at.
func TestFewAddressesAreBelieved(t *testing.T) {
	s := new(sightings)
	for i := range 3 * maxSightings {
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{8, 8, byte(i % 7), 8}), 5000)
		s.put(fmt.Sprint(i), sighting{by: "A", observer: netip.AddrFrom4([4]byte{byte(1 + i>>8), byte(i), 1, 1}), seen: at})
		if n := len(s.candidates(inCapitals)); n > maxSeen {
			t.Fatalf("%d addresses after %d sightings", n, i+1)
		}
		if len(s.m) > maxSightings || len(s.order) != len(s.m) {
			t.Fatalf("%d sightings in %d places", len(s.m), len(s.order))
		}
	}
}

func TestOneNetworkDoesNotPushOutTheOthers(t *testing.T) {
	s := sightingsOf([]said{{"a", "1.1.0.1", "9.9.9.9:5000"}, {"b", "2.2.0.1", "9.9.9.9:5000"}})
	for i := range 2 * maxSightings {
		s.put(fmt.Sprint("liar", i), sighting{by: "l", observer: netip.MustParseAddr("3.3.0.1"), seen: netip.MustParseAddrPort("8.8.8.8:5000")})
	}
	if len(s.m) != 2+maxOfNetwork || len(s.candidates(inCapitals)) != 1 {
		t.Errorf("%d sightings, %v", len(s.m), s.candidates(inCapitals))
	}
}

func TestSightingsExpireWithTheirConnections(t *testing.T) {
	s := sightingsOf([]said{{"A", "1.1.0.1", "9.9.9.9:5000"}})
	now := time.Unix(1000, 0)
	s.expire(now.Add(time.Hour))
	if len(s.candidates(inCapitals)) != 1 {
		t.Fatal("forgotten while connected")
	}
	s.end("0", now)
	s.expire(now.Add(sightingLasts))
	if len(s.candidates(inCapitals)) != 1 {
		t.Error("forgotten while the NAT still remembers")
	}
	s.expire(now.Add(sightingLasts + 1))
	if len(s.candidates(inCapitals)) != 0 || len(s.order) != 0 {
		t.Error("remembered when the NAT does not")
	}
}

// Eight lies out of one network are not eight networks.
func TestOneNetworkDoesNotEndPunching(t *testing.T) {
	var all []said
	for i := range maxOfNetwork {
		all = append(all, said{"l", fmt.Sprintf("3.3.0.%d", i+1), fmt.Sprintf("9.9.9.9:%d", 6000+i)})
	}
	all = append(all, said{"A", "1.1.0.1", "9.9.9.9:5000"}, said{"b", "2.2.0.1", "9.9.9.9:5000"})
	s := sightingsOf(all)
	if nat := s.nat(nil); nat != NATCone || len(s.candidates(inCapitals)) != 1 {
		t.Errorf("%s, %v", nat, s.candidates(inCapitals))
	}
}

// FuzzSight reads what the answer to a probe says after the nonce, which is anybody's to write:
// what can be read is written in one way, and four observers who say it do not have us called
// anywhere else, or at a service.
func FuzzSight(f *testing.F) {
	for _, at := range []string{"9.9.9.9:5000", "9.9.9.9:53", "[2600:2::1]:5000", "127.0.0.1:0", "[ff02::1]:65535"} {
		f.Add(appendSight(nil, netip.MustParseAddrPort(at)))
	}
	f.Add(appendSight(nil, netip.MustParseAddrPort("[::ffff:9.9.9.9]:5000")))
	f.Add([]byte{})
	f.Add([]byte{0x13, 0x88, 9, 9, 9})
	f.Fuzz(func(t *testing.T, b []byte) {
		at := parseSight(b)
		if !at.IsValid() {
			if at != (netip.AddrPort{}) {
				t.Fatalf("%x is neither an address nor none: %v", b, at)
			}
			return
		}
		again := appendSight(nil, at)
		if parseSight(again) != at || len(again) == len(b) && !bytes.Equal(again, b) {
			t.Fatalf("%x is %v, which is written %x", b, at, again)
		}
		if len(b) > answerSize-probeSize {
			t.Fatalf("%x is read, which no answer has room for", b)
		}
		s := sightingsOf([]said{{"a", "1.1.0.1", at.String()}, {"b", "2.2.0.1", at.String()}, {"c", "2600:1::1", at.String()}, {"d", "2700:1::1", at.String()}})
		called := s.candidates(inCapitals)
		if service := at.Port() < firstSeenPort; service != (len(called) == 0) || !service && !slices.Equal(called, []netip.AddrPort{at}) {
			t.Fatalf("two networks see us at %v: called at %v", at, called)
		}
	})
}
