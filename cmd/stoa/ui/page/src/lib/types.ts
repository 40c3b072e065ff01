// What the node tells the page: the View that the stream of events carries
// (cmd/stoa/app/view.go), the requests of the verbs and their answers
// (cmd/stoa/app/request.go). A field that is absent has its zero value.

export type Id = string; // a person's key, or a room's, in its text form
export type Millis = number; // since 1970

export interface View {
  phase: 'starting' | 'locked' | 'running' | 'over';
  why?: Problem;
  me: Me;
  net: Net;
  sound: Sound;
  rooms: Record<Id, Room>;
  kept: Record<Id, KeptRoom>;
  contacts: Record<Id, Contact>;
  blocked: Record<Id, Blocked>;
  notices: Record<string, Notice>;
}

/** A sentence for the person, what to do next, and the code by which it is translated. */
export interface Problem {
  code: string;
  text: string;
  hint?: string;
}

export interface Me {
  id: Id;
  name?: string;
  new?: boolean; // has chosen no name yet: the first run
  version?: string;
  home?: string; // the folder with everything
}

export interface Net {
  network: string;
  alone?: boolean;
  text?: string;
  code?: string;
}

export type Talk = 'open' | 'push' | 'push-to-mute';
export type Stage = 'highpass' | 'echo' | 'noise' | 'gain' | 'music' | 'level';

export interface Device {
  name?: string;
  state?: 'used' | 'instead' | 'none'; // absent: nobody has needed it yet
  text?: string;
}

export interface Sound {
  mic: Device;
  speaker: Device;
  talk: Talk;
  pushing?: boolean; // a key is held
  live?: boolean; // what the microphone hears goes to others
  switches: Partial<Record<Stage, boolean>>;
  unheard?: boolean; // speaks though muted
  trouble?: Problem;
  test?: SoundTest;
}

/** How a test of one's own sound goes, or what came of the last one. */
export interface SoundTest {
  step: 'opening' | 'speak' | 'listen' | 'done';
  verdict?: 'fine' | 'faint' | 'clipped' | 'noisy' | 'silent' | 'dead';
  text?: string;
  hint?: string;
  failed?: Problem;
}

export interface KeptRoom {
  title: string;
  left?: boolean;
  ended?: boolean;
  last_ms?: Millis;
  topic?: string;
  lang?: string;
  starts_ms?: Millis;
  pinned?: boolean;
}

export interface Contact {
  name: string;
  note?: string;
  since_ms: Millis;
}

export interface Blocked {
  name?: string;
  reason?: string;
  since_ms: Millis;
  from?: string;
}

export interface Notice extends Problem {
  room?: Id;
  at_ms: Millis;
}

export type LinkRole = 'moderator' | 'speaker' | 'listener' | 'relay'; // that a link can give
export type Role = 'owner' | LinkRole;
export type Cap = 'hear' | 'speak' | 'invite' | 'mute' | 'stage' | 'kick' | 'ban' | 'lock' | 'title' | 'end' | 'relay';

export interface Room {
  title: string;
  topic?: string;
  lang?: string;
  listed?: boolean;
  role: Role;
  caps: Cap[];
  rank: number; // lower is stronger
  locked?: boolean;
  crowd?: boolean; // too many to know each of them
  audience?: number; // beside people: whom relays carry, about
  host?: Id;
  link?: string;
  gone?: Problem; // why one is no longer in it
  alone?: boolean;
  stale_ms?: number; // for so long nothing has come from the network
  clock_fast_s?: number; // how far this machine's clock is ahead of the others'
  me: MyPlace;
  people: Record<Id, Person>;
  hands: Id[];
  audible?: Audible;
  ways: Record<Id, Way>;
  relays: Relays;
  invites: Record<string, Invite>;
  removed: Record<Id, Removed>;
  chat: Record<string, Message>; // the keys sort by time
  schedule?: Schedule;
  recording?: Recording;
}

export interface MyPlace {
  stage?: boolean;
  speaks?: boolean;
  muted?: boolean; // by a moderator
  mic?: boolean; // has turned the microphone on in this room
  live?: boolean; // what it hears goes to this room
  place?: number; // in the queue; 1 is next
  seated?: boolean; // hears by a seat, and is no member
  aside?: boolean; // has left the stage by one's own will, and may come back
}

export interface Person {
  name: string;
  petname?: string;
  role: Role;
  rank: number;
  stage?: boolean;
  speaks?: boolean;
  mic?: boolean;
  muted?: boolean;
  place?: number;
  host?: boolean;
  relay?: boolean;
  deaf?: boolean;
  volume?: number; // percent; 100 when absent
  blocked?: boolean;
  contact?: boolean;
  lookalike?: boolean; // bears the name of somebody else whom one knows
}

/** Who hears this person, and whom they hear (cmd/stoa/app/claim.go). */
export interface Audible {
  spoken?: boolean;
  heard?: number;
  behind_relays?: number;
  audience?: number;
  not?: Id[];
  no_loudspeaker?: Id[];
  unknown?: number;
  hears?: number;
  unheard?: { who: Id; way?: boolean; seconds?: number }[];
  quiet?: number;
  loudspeaker?: boolean;
  text?: string;
}

export interface Way {
  way: 'direct' | 'punched' | 'tcp' | 'websocket' | 'relay' | 'none' | '';
  relay?: Id;
  rtt_ms?: number;
  loss_in?: number; // share of packets
  loss_out?: number;
}

export interface Relays {
  primary?: Id;
  shadow?: Id;
  seeking?: boolean; // one must hear by a relay, and none brings anything now
  loss?: number;
  rtt_ms?: number;
  list: Record<Id, { name: string; alive?: boolean; carries?: number; slots?: number }>;
  lend?: { may?: boolean; on?: boolean; never?: boolean; listeners?: number; standby?: number; slots?: number };
}

export interface Invite {
  role: LinkRole;
  link: string;
  for?: string;
  uses?: number;
  count?: 'exact' | 'best effort';
  expires_ms?: Millis;
  used?: number;
  state: 'open' | 'expired' | 'revoked' | 'used up' | 'closed';
  by?: Id[];
}

export interface Removed {
  name?: string;
  banned?: boolean;
  by?: Id;
  by_name?: string;
  reason?: string;
}

export interface Message {
  who: Id;
  name?: string;
  at_ms: Millis;
  text?: string;
  hidden_by?: Id;
  blocked?: boolean; // of somebody whom one has blocked: without text
}

export interface Schedule {
  starts_ms: Millis;
  ends_ms?: Millis;
  text?: string;
}

export type Consent = 'asked' | 'yes' | 'no';

export interface Recording {
  id: string;
  by: Id;
  at_ms: Millis;
  on?: boolean;
  here?: boolean; // it is this node that records
  folder?: string;
  consent: Record<Id, Consent>;
}

/** One verb for the node. */
export interface Request {
  verb: string;
  room?: Id;
  args?: string[];
  invite?: { role: LinkRole; expires?: string; uses?: number; for?: string; slots?: number };
  open?: { title: string; listed?: boolean; topic?: string; lang?: string; volunteers?: boolean };
  secret?: string;
  keep_link?: boolean;
  reason?: string;
  note?: string; // contact
  for?: string; // schedule: how long
  with_link?: boolean; // ics
}

export interface Reply {
  lines?: string[];
  data?: unknown;
}

/** What the stream of events carries beside the View. */
export type Levels = Record<Id, number>; // 0 to 100
export interface Reaction {
  room: Id;
  who: Id;
  emoji: string;
}
