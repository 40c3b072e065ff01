// Package scenario is the language of the laboratory's scenario files. A file is
// read line by line; a line is words; # begins a comment. It says which networks
// there are, who is where, what happens, and what must come of it:
//
//	about   two homes, one behind a port-restricted NAT, one behind $NAT
//	vary    NAT each full port symmetric
//	tries   short=1 all=20
//
//	site    cloud ip=both
//	site    one   nat=port
//	site    two   nat=$NAT
//
//	node    door  at cloud dht
//	node    ann   at one   opens says=a
//	node    bob   at two   joins says=b
//
//	start   door ann bob
//	expect  bob hears ann within=3s
//	expect  bob by    ann way=direct,punched within=10s share=95%
//
// Reading is pure. Every error names the file and the line. The words of each line
// are described where they are read: in header.go, place.go and step.go.
package scenario

import "time"

// Bounds of what a file may ask for.
const (
	maxFile     = 64 << 10 // bytes
	maxVariants = 64
	maxTries    = 1000
	maxSites    = 64
	maxNodes    = 128
	maxSteps    = 256
	maxCrowd    = 400
	maxTime     = 10 * time.Minute // of one wait or limit
)

// A Scenario is one variant of a file.
type Scenario struct {
	File    string   // its base name without .lab
	Variant string   // the values of what varies, with spaces between; empty when nothing does
	About   string   // one sentence
	Tries   Tries    // how often it is tried
	Alone   bool     // it needs the whole machine: nothing is tried beside it
	Sites   []Site   // networks at the edge of the internet, in the order of the file
	Nodes   []Node   // programs, each on a machine of its own, in the order of the file
	Apart   [][2]int // indices of nodes whose machines may not exchange packets
	Steps   []Step   // one after another
}

// Tries says how often a scenario is tried in each set. None is 0: the scenario is
// not in that set.
type Tries struct{ Short, All int }

// Name is how a scenario is called in the table.
func (s *Scenario) Name() string {
	if s.Variant == "" {
		return s.File
	}
	return s.File + " " + s.Variant
}

// NAT is a kind of router (RFC 4787).
type NAT string

const (
	NoNAT     NAT = "none"      // public addresses, nothing filtered
	FullCone  NAT = "full"      // mapping and filtering independent of the far endpoint
	PortNAT   NAT = "port"      // mapping independent, filtering by the far address and port
	Symmetric NAT = "symmetric" // another mapping, with a random port, for each far endpoint
	DoubleNAT NAT = "double"    // a port-restricted home router behind a port-restricted carrier's
)

// Family is which internet a site is on.
type Family string

const (
	IPv4 Family = "4"
	IPv6 Family = "6"
	Both Family = "both"
)

// A Site is a local network with a router, which hangs on the internet.
type Site struct {
	Name    string
	NAT     NAT    // of IPv4; the router of IPv6 passes what was asked for from inside
	IP      Family // of the uplink and of the machines
	NoUDP   bool   // the router drops all UDP
	Only443 bool   // the router passes nothing but TCP to port 443
	Offline bool   // there is no uplink
	Ports   bool   // the router maps ports when asked (UPnP, NAT-PMP, PCP)
	Up      string // what the uplink does to packets, in the words of package hop; empty: nothing
	Down    string
}

// A Kind is what a node does.
type Kind string

const (
	DHT    Kind = "dht"    // a relay host in no room: everybody's bootstrap
	Opens  Kind = "opens"  // opens the room
	Joins  Kind = "joins"  // comes by a link of the opener's: a speaker's if it says something
	Relay  Kind = "relay"  // a relay host that comes by a relay's link
	Crowd  Kind = "crowd"  // many listeners in one process
	Visits Kind = "visits" // runs in no room
)

// A Node is one program on a machine of its own.
type Node struct {
	Name   string
	Site   int // index
	Kind   Kind
	Says   string        // letter of a clip, played in a loop; with + behind it without a breath; empty is silence
	Count  int           // of listeners in a crowd
	Role   string        // of the link by which it joins, when not by Says
	Muted  bool          // begins muted
	Args   []string      // further flags of the program
	Clock  time.Duration // how far its wall clock is ahead
	Nohint bool          // its link names no addresses
}

// A Step is one line of what happens.
type Step struct {
	Line   int
	Do     Action
	Nodes  []int         // of start, move, freeze, thaw, kill, quit, tell; listeners of expect
	Site   int           // of move, cut, restore, rebind
	Time   time.Duration // of wait
	Words  []string      // of tell
	Pair   [2]int        // of part and join
	Up     string        // of line: what the uplink does from now on
	Down   string
	Expect *Expect
}

// An Action is what a step does.
type Action string

const (
	Start   Action = "start"   // runs nodes in this order, each when the one before is in the room
	Wait    Action = "wait"    // lets time pass
	Cut     Action = "cut"     // a site loses its uplink: packets vanish
	Restore Action = "restore" // and has it back
	Move    Action = "move"    // a machine changes to another site, by another interface
	Rebind  Action = "rebind"  // a site's NAT forgets all mappings and makes others
	Line    Action = "line"    // a site's uplink does other things to packets from now on
	Part    Action = "part"    // two machines may not exchange packets from now on
	Join    Action = "join"    // and may again
	Freeze  Action = "freeze"  // SIGSTOP
	Thaw    Action = "thaw"    // SIGCONT
	Kill    Action = "kill"    // SIGKILL
	Quit    Action = "quit"    // SIGTERM
	Tell    Action = "tell"    // steers a node by a verb of the program
	Must    Action = "expect"
)

// A Check is what is expected.
type Check string

const (
	Hears  Check = "hears"  // the listener hears the speaker
	By     Check = "by"     // the speaker's voice comes to the listener by one of some ways
	Deaf   Check = "deaf"   // the listener does not hear the speaker
	Gap    Check = "gap"    // the listener hears the only speaker with no longer silence
	Live   Check = "live"   // what the listener hears is not old
	Plays  Check = "plays"  // the listener plays a share of the speaker's frames as they were said
	Prints Check = "prints" // the program prints an event
	Is     Check = "is"     // the listener's own state, as who tells it
	Paths  Check = "paths"  // who --paths names exactly these pairs as without sound
)

// Expect is what must come of the steps before it. Times count from the beginning of
// the last step that is neither wait nor expect.
type Expect struct {
	Check     Check
	Listeners []int
	Speakers  []int
	Within    time.Duration // of hears, prints and paths; the longest silence of gap; the oldest sound of live
	For       time.Duration // how long is listened
	Least     float64       // of plays: the share, 0 to 1
	Ways      []string      // of by
	Share     float64       // of the tries in which it must hold, 0 to 1
	Fields    [][2]string   // of prints and is: names and values
	Pairs     [][2]int      // of paths
	Text      string        // the line, for the table
}
