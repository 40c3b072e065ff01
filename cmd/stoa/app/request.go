// What the verbs of the command line say to a node, and what it answers.

package app

// A Request is one verb for the node that runs with a home, or, for the verbs
// that need no running node (invite, log, id), for the home itself.
type Request struct {
	Verb string   `json:"verb"`
	Room string   `json:"room,omitempty"` // prefix of a room's ID or its title; empty: the only room
	Args []string `json:"args,omitempty"` // the verb's own words: a PERSON, a title, an invite

	Invite *InviteOptions `json:"invite,omitempty"` // verb invite
	Open   *OpenRoom      `json:"open,omitempty"`   // verb open

	// Secret is the passphrase that id export and id lock encrypt with, and that
	// passphrase opens the key with. It crosses only a socket that its owner alone
	// may open, and the loopback of a page that was let in.
	Secret string `json:"secret,omitempty"`

	All   bool `json:"all,omitempty"`   // who: the whole audience, page by page
	Paths bool `json:"paths,omitempty"` // who: by what way everybody hears everybody

	KeepLink bool   `json:"keep_link,omitempty"` // kick, ban: leave the link they came by open
	Reason   string `json:"reason,omitempty"`    // kick, ban: what the log will say; block: what to remember
	Note     string `json:"note,omitempty"`      // contact add: what to remember

	For      string `json:"for,omitempty"`       // schedule: how long, a duration such as 90m; empty: 1h
	WithLink bool   `json:"with_link,omitempty"` // ics: with a new link for listeners in it
}

// InviteOptions are the terms of a new link.
type InviteOptions struct {
	Role    string `json:"role"`              // listener (also when empty), speaker, moderator or relay
	Expires string `json:"expires,omitempty"` // a duration such as 24h; "never"; empty: 24h
	Uses    int    `json:"uses,omitempty"`    // how many people may come by it; 0: any number
	For     string `json:"for,omitempty"`     // PERSON or a whole key: nobody else can use the link
	Slots   int    `json:"slots,omitempty"`   // role relay: how many listeners it may carry; 0: 64
	NoHints bool   `json:"no_hints,omitempty"`
}

// The verbs. Those marked * also work with no node running.
const (
	VerbWho     = "who"    // who is here, what they may do
	VerbHand    = "hand"   // [up|down [PERSON]]: without one, one's own
	VerbMute    = "mute"   // [PERSON]: without one, one's own microphone
	VerbUnmute  = "unmute" // [PERSON]
	VerbPush    = "push"   // hold WHO | end WHO | on | off: a key, see Config.Talk
	VerbSound   = "sound"  // * [talk|highpass|echo|noise|gain|music|level HOW]
	VerbVolume  = "volume" // [PERSON [PERCENT]]: how loud somebody is played here
	VerbLeave   = "leave"  // leave the room and forget how to return without a link
	VerbStage   = "stage"  // add|drop PERSON; down|up: oneself
	VerbKick    = "kick"   // PERSON
	VerbBan     = "ban"    // PERSON
	VerbPardon  = "pardon" // PERSON: undoes a kick or a ban
	VerbRevoke  = "revoke" // INVITE: a link, or a prefix of its name
	VerbLock    = "lock"   // nobody new
	VerbUnlock  = "unlock"
	VerbTitle   = "title"   // TEXT
	VerbSay     = "say"     // TEXT
	VerbReact   = "react"   // EMOJI
	VerbHide    = "hide"    // MESSAGE: a key of chat, or its end
	VerbChat    = "chat"    // the last messages
	VerbBlock   = "block"   // * PERSON [REASON]: neither play nor show them
	VerbUnblock = "unblock" // * PERSON
	VerbBlocked = "blocked" // * [export | import TEXT]
	VerbContact = "contact" // * add PERSON [NAME] | remove PERSON | list
	VerbLend    = "lend"    // on|off|never: carry voices on for others
	VerbEnd     = "end"     // close the room for everybody
	VerbInvite  = "invite"  // * see InviteOptions
	VerbLinks   = "links"   // * the invites made from this home
	VerbLog     = "log"     // * the signed history, verified
	VerbStatus  = "status"  // rooms this node is in
	VerbDoctor  = "doctor"  // [findings]: what it knows of its network, or what Doctor finds
	VerbDevices = "devices" // * [mic|speaker NAME|default]: the sound cards, and which to use
	VerbOpen    = "open"    // see Request.Open; or TITLE
	VerbJoin    = "join"    // LINK
	VerbEnter   = "enter"   // ROOM: go back into one of this home
	VerbForget  = "forget"  // * ROOM: remove all that this home has of it
	VerbPin     = "pin"     // * ROOM on|off: first on the page
	VerbPreview = "preview" // LINK: what it leads to
	VerbFind    = "find"    // [TOPIC [LANG]]: public rooms, see doFind
	VerbQR      = "qr"      // LINK
	VerbTest    = "test"    // [stop]: hear oneself, see SoundView.Test
	VerbSeen    = "seen"    // N | ROOM: drop a notice of a View, or a room that one was put out of
	VerbPage    = "page"    // [LINK]: the address of a page, of Config.Verbs
	VerbID      = "id"      // * show | name NAME | lock | unlock | export FILE | import FILE

	VerbSchedule = "schedule" // START [TEXT] | off: when the room meets
	VerbICS      = "ics"      // * the same as a calendar file
	VerbRecord   = "record"   // on|off: ask everybody, and record who says yes
	VerbConsent  = "consent"  // yes|no [RECORDING]: to being recorded

	VerbRecording = "recording" // * FOLDER: who consented to a recording, verified; it needs no home
)

// VerbPassphrase gives the passphrase of a locked key, as Secret, to a program that
// waits for it. A session, whose key is open, does not know it.
const VerbPassphrase = "passphrase"

// A Reply is what a verb answered: lines for a person, and the same as data
// for a script. Data marshals to one JSON object.
type Reply struct {
	Lines []string `json:"lines,omitempty"`
	Data  any      `json:"data,omitempty"`
}
