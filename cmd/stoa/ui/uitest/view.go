// The parts of the node's state that the play fills, as the page reads them.

package main

type view struct {
	Phase    string             `json:"phase"`
	Me       self               `json:"me"`
	Net      network            `json:"net"`
	Sound    sound              `json:"sound"`
	Rooms    map[string]*room   `json:"rooms"`
	Kept     map[string]kept    `json:"kept"`
	Contacts map[string]contact `json:"contacts"`
	Blocked  map[string]contact `json:"blocked"`
	Notices  map[string]notice  `json:"notices"`
}

type self struct {
	ID      string `json:"id"`
	Name    string `json:"name,omitempty"`
	New     bool   `json:"new,omitempty"`
	Version string `json:"version"`
}

type network struct {
	Network string `json:"network"`
	Alone   bool   `json:"alone,omitempty"`
	Text    string `json:"text"`
	Code    string `json:"code"`
}

type device struct {
	Name  string `json:"name"`
	State string `json:"state"`
}

type sound struct {
	Mic      device          `json:"mic"`
	Speaker  device          `json:"speaker"`
	Talk     string          `json:"talk"`
	Pushing  bool            `json:"pushing,omitempty"`
	Switches map[string]bool `json:"switches"`
}

type kept struct {
	Title  string `json:"title"`
	Left   bool   `json:"left,omitempty"`
	Ended  bool   `json:"ended,omitempty"`
	LastMS int64  `json:"last_ms"`
	Topic  string `json:"topic,omitempty"`
	Lang   string `json:"lang,omitempty"`
	Pinned bool   `json:"pinned,omitempty"`
}

type contact struct {
	Name    string `json:"name"`
	SinceMS int64  `json:"since_ms"`
	Reason  string `json:"reason,omitempty"`
}

type notice struct {
	Code string `json:"code"`
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
	Room string `json:"room,omitempty"`
	AtMS int64  `json:"at_ms"`
}

type room struct {
	Title   string             `json:"title"`
	Topic   string             `json:"topic,omitempty"`
	Lang    string             `json:"lang,omitempty"`
	Listed  bool               `json:"listed,omitempty"`
	Role    string             `json:"role"`
	Caps    []string           `json:"caps"`
	Rank    int                `json:"rank"`
	Locked  bool               `json:"locked,omitempty"`
	Crowd   bool               `json:"crowd,omitempty"`
	Link    string             `json:"link,omitempty"`
	Me      seat               `json:"me"`
	People  map[string]*person `json:"people"`
	Hands   []string           `json:"hands"`
	Audible audible            `json:"audible"`
	Ways    map[string]way     `json:"ways"`
	Relays  relays             `json:"relays"`
	Invites map[string]invite  `json:"invites"`
	Removed map[string]removed `json:"removed"`
	Chat    map[string]message `json:"chat"`
}

type seat struct {
	Stage  bool `json:"stage,omitempty"`
	Speaks bool `json:"speaks,omitempty"`
	Muted  bool `json:"muted,omitempty"`
	Mic    bool `json:"mic,omitempty"`
	Live   bool `json:"live,omitempty"`
	Place  int  `json:"place,omitempty"`
	Seated bool `json:"seated,omitempty"`
	Aside  bool `json:"aside,omitempty"`
}

type person struct {
	Name   string `json:"name"`
	Role   string `json:"role"`
	Rank   int    `json:"rank"`
	Stage  bool   `json:"stage,omitempty"`
	Speaks bool   `json:"speaks,omitempty"`
	Mic    bool   `json:"mic,omitempty"`
	Muted  bool   `json:"muted,omitempty"`
	Place  int    `json:"place,omitempty"`
	Volume int    `json:"volume,omitempty"`
}

type audible struct {
	Spoken      bool     `json:"spoken"`
	Heard       int      `json:"heard"`
	Hears       int      `json:"hears"`
	Unheard     []string `json:"unheard"`
	Loudspeaker bool     `json:"loudspeaker"`
	Text        string   `json:"text"`
}

type way struct {
	Way     string  `json:"way"`
	RTT     int     `json:"rtt_ms"`
	LossIn  float64 `json:"loss_in"`
	LossOut float64 `json:"loss_out"`
}

type relays struct {
	Primary string           `json:"primary,omitempty"`
	Shadow  string           `json:"shadow,omitempty"`
	Loss    float64          `json:"loss"`
	RTT     int              `json:"rtt_ms"`
	List    map[string]relay `json:"list"`
	Lend    lend             `json:"lend"`
}

type relay struct {
	Name    string `json:"name"`
	Alive   bool   `json:"alive"`
	Carries int    `json:"carries"`
	Slots   int    `json:"slots"`
}

type lend struct {
	May   bool `json:"may"`
	On    bool `json:"on"`
	Never bool `json:"never,omitempty"`
}

type invite struct {
	Role      string   `json:"role"`
	Link      string   `json:"link"`
	Uses      int      `json:"uses,omitempty"`
	Used      int      `json:"used"`
	ExpiresMS int64    `json:"expires_ms,omitempty"`
	State     string   `json:"state"`
	By        []string `json:"by"`
}

type removed struct {
	Name   string `json:"name,omitempty"`
	Banned bool   `json:"banned,omitempty"`
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
}

type message struct {
	Who      string `json:"who"`
	Name     string `json:"name"`
	AtMS     int64  `json:"at_ms"`
	Text     string `json:"text,omitempty"`
	HiddenBy string `json:"hidden_by,omitempty"`
}
