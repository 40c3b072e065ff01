// The events a running node tells its caller: what `--json` prints, one object a line.

package app

// An Event is one thing that happened, as the command line prints it with
// --json. Kind decides which of the other fields are set; the rest are left
// out of the JSON. People are named by their key in its text form.
type Event struct {
	Kind string `json:"event"`

	Peer  string   `json:"peer,omitempty"`  // ready
	Addrs []string `json:"addrs,omitempty"` // ready, metrics

	Room  string `json:"room,omitempty"`  // every event that belongs to a room
	Title string `json:"title,omitempty"` // room
	Role  string `json:"role,omitempty"`  // link, joined, member
	Link  string `json:"link,omitempty"`  // link
	MS    *int64 `json:"ms,omitempty"`    // joined, sound: milliseconds since the program started; relay: without sound

	Who   string `json:"who,omitempty"`   // joined (oneself), member, hand, stage, muted, sound, removed, relay, chat, react
	Name  string `json:"name,omitempty"`  // member, device
	State string `json:"state,omitempty"` // member: present or gone; hears: direct, relay or none; device: used, instead or none; talk
	Up    *bool  `json:"up,omitempty"`    // hand
	Place int    `json:"place,omitempty"` // hand: 1 is next
	On    *bool  `json:"on,omitempty"`    // stage, mic, talk, duck, locked, lend, heard, help
	By    string `json:"by,omitempty"`    // muted, removed, locked; hand: who took it down; hears: who brings the voice
	Why   string `json:"why,omitempty"`   // removed, left, relay
	Muted *bool  `json:"muted,omitempty"` // muted

	People []string `json:"people,omitempty"` // help: whom this node carries for

	Stats   *Stats   `json:"stats,omitempty"`   // stats
	Audible *Audible `json:"audible,omitempty"` // audible
	Carries *Carries `json:"carries,omitempty"` // carries, drain
	Reach   *Reach   `json:"reach,omitempty"`   // reach

	Device string `json:"device,omitempty"` // device: mic or speaker

	StartsMS int64 `json:"starts_ms,omitempty"` // schedule, begins
	EndsMS   int64 `json:"ends_ms,omitempty"`   // schedule

	Recording string `json:"recording,omitempty"` // recording, consent, recorded
	Folder    string `json:"folder,omitempty"`    // recorded

	Code  string `json:"code,omitempty"`  // error, relay, echo, hand: see Problem
	Key   string `json:"key,omitempty"`   // chat: names the message, in the order of time
	Emoji string `json:"emoji,omitempty"` // react

	Text string `json:"text,omitempty"` // error, device, relay, reach, unheard, echo, chat, hand
	Hint string `json:"hint,omitempty"` // error, unheard, echo, hand
}

// The kinds of event. Their words are a contract with scripts.
const (
	EventReady   = "ready"   // the node listens: peer, addrs
	EventRoom    = "room"    // a room is entered or its title changed: room, title
	EventReach   = "reach"   // how the world reaches this node has changed: reach, and text when that says something new
	EventLink    = "link"    // an invite link was made: role, link
	EventJoined  = "joined"  // this node is a member: room, role, ms
	EventMember  = "member"  // somebody came, changed or went: who, name, role, state
	EventHand    = "hand"    // a hand went up, moved in the queue or went down: who, up, place; by where another took it down, text and hint where it was this person's
	EventStage   = "stage"   // somebody stepped on or off the stage: who, on
	EventMuted   = "muted"   // a moderator muted or unmuted somebody: who, muted, by
	EventMic     = "mic"     // this node's own microphone: on
	EventTalk    = "talk"    // a microphone that is not muted is heard or is not, because of a key: state (open, push or push-to-mute), on
	EventUnheard = "unheard" // this person speaks, but is muted: text, hint
	EventDuck    = "duck"    // what is played was turned down, or up again, because its echo cannot be taken out: on
	EventEcho    = "echo"    // others hear themselves, and nothing here can prevent it: text, hint
	EventDevice  = "device"  // which microphone or loudspeaker is in use is known or has changed: device, name, state, and text where a person should know
	EventChat    = "chat"    // somebody wrote, or, with by, a message was hidden: who, name, key, text, by
	EventReact   = "react"   // who, emoji
	EventSound   = "sound"   // the first sound of a speaker was played: who, ms
	EventStats   = "stats"   // once a second: stats
	EventRemoved = "removed" // somebody was kicked, banned or revoked: who, by, why
	EventLocked  = "locked"  // the door was locked or unlocked: on, by
	EventHears   = "hears"   // by what way this person hears somebody has changed, and lasts: who, state, by
	EventHeard   = "heard"   // somebody does not hear this person, or does again: who, on
	EventAudible = "audible" // who hears this person, or whom they hear, has changed: audible
	EventHelp    = "help"    // this node began or ceased to carry for people who cannot connect: on, people
	EventLend    = "lend"    // this node began or ceased to carry voices on: on, why
	EventCarries = "carries" // how many this node carries voices on to has changed: carries
	EventDrain   = "drain"   // this node asks those whom it carries to go elsewhere: carries
	EventMetrics = "metrics" // the figures for Prometheus are served: addrs
	EventRelay   = "relay"   // this node was served by a relay and left it: who, why, text, and ms when voices came by it
	EventLeft    = "left"    // this node is no longer in the room: why
	EventError   = "error"   // something the person should know: text, hint

	EventSchedule = "schedule" // when the room meets was said, or that nothing is planned any more: on, starts_ms, ends_ms, text, by
	EventBegins   = "begins"   // a room of this home, in it or not, meets in ten minutes, or now: room, title, starts_ms, code, text

	EventRecording = "recording" // somebody began to record the room, or it is over: recording, on, by
	EventConsent   = "consent"   // somebody lets themself be recorded, or not: recording, who, on
	EventRecorded  = "recorded"  // the files of a recording by this node are complete: recording, folder, text, and why when it ended by itself
)

// Carries is how many listeners a relay carries in a room.
type Carries struct {
	Listeners int `json:"listeners"` // who are sent voices
	Standby   int `json:"standby"`   // who would be if their other relay failed
	Slots     int `json:"slots"`     // how many could be
}

// Stats is the state of a room's sound over the second that ended.
type Stats struct {
	Room     string            `json:"room"`
	People   int               `json:"people"`
	Links    int               `json:"links"`   // people whom this node is linked to directly
	Sent     uint64            `json:"sent"`    // packets this node has sent, all listeners together
	Dropped  uint64            `json:"dropped"` // packets dropped unsent because they had become late
	Refused  map[string]uint64 `json:"refused"` // packets not played, by reason
	Speakers []SpeakerStats    `json:"speakers"`
	Lacked   float64           `json:"lacked_ms,omitempty"` // sound that the loudspeaker wanted and was not there in time, since the program began
	Relays   *RelayStats       `json:"relays,omitempty"`    // while this node is served by any
	Sending  *SendingStats     `json:"sending,omitempty"`   // while this person may be heard
}

// SendingStats is how this node sends its own voice, as the ways to its listeners ask for.
type SendingStats struct {
	Bitrate int     `json:"bitrate"`         // of speech, bit/s
	Frames  int     `json:"frames"`          // of 20 ms in a packet to a listener
	FEC     int     `json:"fec"`             // loss that the error correction is made for, percent
	Effort  int     `json:"complexity"`      // of the encoder, 1 to 10
	Power   string  `json:"power"`           // what this machine runs on: mains, battery or unknown
	Repeats int     `json:"repeats"`         // listeners to whom every packet goes twice
	Limit   int     `json:"limit,omitempty"` // what the uplink is believed to bear, bit/s of all copies; none is known
	Loss    float64 `json:"loss"`            // share of packets, lately, at the listener who misses most
	Queue   float64 `json:"queue_ms"`        // what waits on the way to the one for whom it is longest
}

// RelayStats is by which relays this node hears.
type RelayStats struct {
	Primary string  `json:"primary,omitempty"` // sends the voices
	Shadow  string  `json:"shadow,omitempty"`  // stands by
	Carrier string  `json:"carrier,omitempty"` // of the primary
	Loss    float64 `json:"loss"`              // share of what the primary sent that did not arrive, lately
	RTT     float64 `json:"rtt_ms"`            // to the primary
	Quiet   bool    `json:"quiet"`             // this node is out of gossip, and hears of the room by its relays
	Left    uint64  `json:"left"`              // relays that were left because they failed
	Why     string  `json:"why,omitempty"`     // what the last of them did
}

// SpeakerStats counts what was received from one speaker since they were first
// heard. Packets hold 20 ms each.
type SpeakerStats struct {
	Who       string  `json:"who"`
	Received  uint64  `json:"received"`
	Played    uint64  `json:"played"`     // as they were sent
	Repaired  uint64  `json:"repaired"`   // by the error correction in the packet that followed
	Lost      uint64  `json:"lost"`       // lost, or too late, and concealed
	Late      uint64  `json:"late"`       // came after their turn
	Dropped   uint64  `json:"dropped"`    // here, and left out because too many had queued up
	Concealed uint64  `json:"concealed"`  // frames' worth of sound that was made up
	Seconds   float64 `json:"seconds"`    // of speech that came, each frame once
	Silence   float64 `json:"silence_ms"` // longest wait of the last second for somebody who had not paused
	Jitter    float64 `json:"jitter_ms"`
	Delay     float64 `json:"delay_ms"` // mouth to ear as far as this node can tell: framing, codec, half the round trip, jitter buffer
	Carrier   string  `json:"carrier"`
	Way       string  `json:"way,omitempty"` // direct, punched, tcp or websocket, as node.Way; or relay
}
