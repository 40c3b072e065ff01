// What a page shows: all that the person may know of themselves and their
// rooms, as one value that is made anew whenever something has changed.
//
//	store, devices, habits, reach ─► sight ─────┬─► viewOf ─► View ─► the page
//	room.Snapshot, links, relays ──► roomSight ─┘  (pure)
//	                                  changes ─► bell ─► whoever shows it
//
// Everything that somebody else has written goes through package plain on its
// way in. Absent fields are zero; maps and lists that a page goes through are
// always there.

package app

// View is everything that a page shows. Nobody changes one that was handed out.
type View struct {
	Phase   string                `json:"phase"` // starting, running or over; who holds the session knows more: locked, restarting
	Why     *Problem              `json:"why,omitempty"`
	Me      MeView                `json:"me"`
	Net     NetView               `json:"net"`
	Sound   SoundView             `json:"sound"`
	Rooms   map[string]*RoomView  `json:"rooms"`   // that this node is in, and those it was put out of until that was seen; by ID
	Kept    map[string]KeptView   `json:"kept"`    // every room of this home, in it or not; by ID
	Notices map[string]NoticeView `json:"notices"` // the newest, by number

	Contacts map[string]Contact  `json:"contacts"` // by ID
	Blocked  map[string]Blocking `json:"blocked"`  // by ID
}

// A Problem is an error for the person. Code stays the same in every language
// and version; Text and Hint are English and speak of commands.
type Problem struct {
	Code string `json:"code"`
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
}

// event tells of a problem, of one room or, with none, of all.
func (p Problem) event(room string) Event {
	return Event{Kind: EventError, Room: room, Code: p.Code, Text: p.Text, Hint: p.Hint}
}

// MeView is this person.
type MeView struct {
	ID      string `json:"id"`
	Name    string `json:"name,omitempty"`
	New     bool   `json:"new,omitempty"` // has no name yet
	Version string `json:"version,omitempty"`
	Home    string `json:"home,omitempty"` // the folder with everything
}

// NetView is how this machine is connected.
type NetView struct {
	Network string `json:"network"`         // public, lan, links or private
	Alone   bool   `json:"alone,omitempty"` // this machine is on no network
	Code    string `json:"code,omitempty"`  // of Text: reach_ and a node.ReachKind
	Text    string `json:"text,omitempty"`
}

// SoundView is the sound of this machine.
type SoundView struct {
	Mic      DeviceView      `json:"mic"`
	Speaker  DeviceView      `json:"speaker"`
	Talk     string          `json:"talk"`              // open, push or push-to-mute
	Pushing  bool            `json:"pushing,omitempty"` // a key is held
	Live     bool            `json:"live,omitempty"`    // what the microphone hears goes to others
	Switches map[string]bool `json:"switches"`          // highpass, echo, noise, gain, music, level
	Unheard  bool            `json:"unheard,omitempty"` // this person speaks and is muted
	Test     *TestView       `json:"test,omitempty"`    // hearing oneself: goes on or is over
	Trouble  *Problem        `json:"trouble,omitempty"`
}

// DeviceView is a microphone or a loudspeaker.
type DeviceView struct {
	Name  string `json:"name,omitempty"`  // empty: the system's default
	State string `json:"state,omitempty"` // used, instead (of the one that was chosen) or none; empty: nobody has needed it yet
	Text  string `json:"text,omitempty"`
}

// TestView is how a test of one's own sound is going on, or what came of the last
// one. Nobody else hears it.
type TestView struct {
	Step string `json:"step"` // opening, speak, listen or done

	*selfData          // with done, unless it failed
	Failed    *Problem `json:"failed,omitempty"`
}

// RoomView is a room that this node is in.
type RoomView struct {
	Title     string                 `json:"title"`
	Topic     string                 `json:"topic,omitempty"`
	Lang      string                 `json:"lang,omitempty"`
	Listed    bool                   `json:"listed,omitempty"`
	Role      string                 `json:"role"`
	Caps      []string               `json:"caps"` // hear, speak, invite, mute, stage, kick, ban, lock, title, end, relay
	Rank      int                    `json:"rank"` // lower is stronger
	Locked    bool                   `json:"locked,omitempty"`
	Crowd     bool                   `json:"crowd,omitempty"`
	Audience  int                    `json:"audience,omitempty"` // beside people: whom relays carry, about
	Host      string                 `json:"host,omitempty"`
	Link      string                 `json:"link,omitempty"` // for listeners, good for anybody
	Gone      *Problem               `json:"gone,omitempty"` // why this node is in it no more
	Alone     bool                   `json:"alone,omitempty"`
	StaleMS   int64                  `json:"stale_ms,omitempty"` // for how long nothing has come, see pulse
	Me        HereView               `json:"me"`
	People    map[string]*PersonView `json:"people"`
	Hands     []string               `json:"hands"` // who is next first
	Audible   *Audible               `json:"audible,omitempty"`
	Ways      map[string]WayView     `json:"ways"` // those on the stage
	Relays    RelaysView             `json:"relays"`
	Invites   map[string]InviteView  `json:"invites"` // made here, by name
	Removed   map[string]RemovedView `json:"removed"`
	Schedule  *ScheduleView          `json:"schedule,omitempty"`
	Recording *RecordingView         `json:"recording,omitempty"`
	Chat      map[string]ChatView    `json:"chat"`                   // the last messages, by a key that sorts by time
	ClockFast int                    `json:"clock_fast_s,omitempty"` // seconds that this machine's clock is ahead of the others'
}

// HereView is this person in a room.
type HereView struct {
	Stage  bool `json:"stage,omitempty"`
	Speaks bool `json:"speaks,omitempty"` // may speak now
	Muted  bool `json:"muted,omitempty"`  // by a moderator
	Mic    bool `json:"mic,omitempty"`    // has unmuted the microphone in this room
	Live   bool `json:"live,omitempty"`   // what the microphone hears goes to this room
	Place  int  `json:"place,omitempty"`  // in the queue of hands, from 1
	Seated bool `json:"seated,omitempty"` // hears by a seat, and is no member
	Aside  bool `json:"aside,omitempty"`  // has left the stage, and may come back
}

// PersonView is somebody who is here. It is the same pointer as in the View
// before when nothing about them has changed.
type PersonView struct {
	Name   string `json:"name"`
	Role   string `json:"role"`
	Rank   int    `json:"rank"`
	Stage  bool   `json:"stage,omitempty"`
	Speaks bool   `json:"speaks,omitempty"`
	Mic    bool   `json:"mic,omitempty"`
	Muted  bool   `json:"muted,omitempty"`
	Place  int    `json:"place,omitempty"`
	Host   bool   `json:"host,omitempty"`
	Relay  bool   `json:"relay,omitempty"` // carries voices for others
	Deaf   bool   `json:"deaf,omitempty"`  // has no loudspeaker, as they say
	regard
	Volume *int `json:"volume,omitempty"` // percent at which they are played here; absent: as they are sent
}

// WayView is how this person hears somebody on the stage, and is heard.
type WayView struct {
	Way     string  `json:"way"`             // direct, punched, tcp, websocket, relay or none
	Relay   string  `json:"relay,omitempty"` // with relay: who brings the voice
	RTT     int     `json:"rtt_ms,omitempty"`
	LossIn  float64 `json:"loss_in,omitempty"`  // share, to a hundredth
	LossOut float64 `json:"loss_out,omitempty"` // share, to a hundredth
}

// RelaysView is what the relays of a room do for this node, and it for others.
type RelaysView struct {
	Seeking bool                 `json:"seeking,omitempty"` // voices have to come by a relay, and none brings them now
	Primary string               `json:"primary,omitempty"` // brings the voices
	Shadow  string               `json:"shadow,omitempty"`  // stands by
	Loss    float64              `json:"loss,omitempty"`
	RTT     int                  `json:"rtt_ms,omitempty"`
	List    map[string]RelayView `json:"list"`
	Lend    LendView             `json:"lend"`
}

// RelayView is one relay of a room.
type RelayView struct {
	Name    string `json:"name"`
	Alive   bool   `json:"alive,omitempty"`
	Carries int    `json:"carries,omitempty"` // people, as it says
	Slots   int    `json:"slots,omitempty"`
}

// LendView is what this node carries for others.
type LendView struct {
	May       bool `json:"may,omitempty"`    // the room lets it be a relay
	On        bool `json:"on,omitempty"`     // its owner wants it to be one
	Cannot    bool `json:"cannot,omitempty"` // though nobody can reach this machine from outside
	Never     bool `json:"never,omitempty"`  // not even for two who cannot connect
	Carries   bool `json:"carries,omitempty"`
	Listeners int  `json:"listeners,omitempty"`
	Standby   int  `json:"standby,omitempty"`
	Slots     int  `json:"slots,omitempty"`
}

// InviteView is a link that was made here.
type InviteView struct {
	Role      string   `json:"role"`
	Link      string   `json:"link"`
	For       string   `json:"for,omitempty"`
	Uses      int      `json:"uses,omitempty"`  // 0: any number
	Count     string   `json:"count,omitempty"` // exact, or best effort
	Slots     int      `json:"slots,omitempty"` // of a relay
	MadeMS    int64    `json:"made_ms,omitempty"`
	ExpiresMS int64    `json:"expires_ms,omitempty"`
	Used      int      `json:"used,omitempty"`
	State     string   `json:"state"` // open, expired, revoked, used up or closed
	By        []string `json:"by"`    // members who came by it
}

// RemovedView is somebody who was put out and not let back.
type RemovedView struct {
	Name   string `json:"name,omitempty"`
	Banned bool   `json:"banned,omitempty"`
	By     string `json:"by,omitempty"`
	ByName string `json:"by_name,omitempty"`
	Reason string `json:"reason,omitempty"`
	AtMS   int64  `json:"at_ms,omitempty"` // as whoever did it claims
}

// KeptView is a room of this home.
type KeptView struct {
	Title  string `json:"title"`
	Topic  string `json:"topic,omitempty"`
	Lang   string `json:"lang,omitempty"`
	Left   bool   `json:"left,omitempty"`
	Ended  bool   `json:"ended,omitempty"`
	Pinned bool   `json:"pinned,omitempty"`
	LastMS int64  `json:"last_ms,omitempty"` // when this node was in it last

	*ScheduleView // when it meets, as was last seen here; nil: nothing is planned
}

// NoticeView is something that the person should know, until they have seen it.
type NoticeView struct {
	Code string `json:"code"`
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
	Room string `json:"room,omitempty"`
	AtMS int64  `json:"at_ms"`
}
