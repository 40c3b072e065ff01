// What a member can do. Every action is checked against the state first, so
// that the error says why not in plain words; what goes into the log is
// durable before it is applied, and applied before the action returns.

package room

import (
	"context"
	"errors"
	"slices"
	"time"

	"stoa/identity"
)

// Errors of actions, beside those of [State.May].
var (
	ErrOnStage  = errors.New("already on the stage")
	ErrOffStage = errors.New("not on the stage")
	ErrAside    = errors.New("has left the stage by their own will")
	ErrMuted    = errors.New("muted by a moderator")
	ErrTooOften = errors.New("the hand went up and down too often; wait a few seconds")
)

// SetName changes what others see. It is cut to MaxName printable bytes.
func (r *Room) SetName(ctx context.Context, name string) error {
	return r.do(ctx, func(now time.Time) error {
		r.name = cut(name, MaxName)
		r.dirty = true
		r.hurry(now)
		return nil
	})
}

// SetMic tells the others whether this member's microphone is on. It says
// nothing to the microphone. It goes off by itself when this member may not
// speak any more. Errors: ErrNotMember, ErrMuted, ErrNoRight, ErrAside.
func (r *Room) SetMic(ctx context.Context, on bool) error {
	return r.do(ctx, func(now time.Time) error {
		switch {
		case on && !r.state.CanSpeak(r.me):
			return r.silence()
		case on && r.withdrawn:
			return ErrAside
		}
		if r.mic != on {
			r.mic, r.dirty = on, true
			r.hurry(now)
		}
		return nil
	})
}

// StepAside takes this member off the stage by their own will, microphone off, or
// back to it. They keep what they may do: it is they who say it, by their
// heartbeat, and no operation. Doing what is done already is no error. Errors:
// ErrNotMember, ErrOffStage for who may not speak anyway.
func (r *Room) StepAside(ctx context.Context, aside bool) error {
	return r.do(ctx, func(now time.Time) error {
		switch {
		case !r.member(r.me) || r.state.Closed:
			return refusal(r.state, r.me)
		case !r.state.Members[r.me].Caps.Has(identity.CapSpeak):
			return ErrOffStage
		case r.withdrawn != aside:
			r.withdrawn, r.mic, r.dirty = aside, false, true
			r.hurry(now)
		}
		return nil
	})
}

// Moved tells the others soon where this member may be reached now, see [Config.Addrs].
func (r *Room) Moved(ctx context.Context) error {
	return r.do(ctx, func(now time.Time) error {
		r.hurry(now)
		return nil
	})
}

// Return tells everybody soon, and a few times, that this member is here and where, and
// compares logs with somebody: for when it was out of reach.
func (r *Room) Return(ctx context.Context) error {
	return r.do(ctx, func(now time.Time) error {
		r.greeted, r.curious = 0, true
		r.hurry(now)
		return nil
	})
}

// silence says why this member may not speak. Loop only.
func (r *Room) silence() error {
	if !r.member(r.me) || r.state.Closed {
		return refusal(r.state, r.me)
	}
	if _, muted := r.state.Muted[r.me]; muted {
		return ErrMuted
	}
	return ErrNoRight
}

// RaiseHand raises or lowers this member's hand. Doing what is done already is
// no error. Who is only seated becomes a member first, for which a gate has to
// be here. Errors: ErrNotMember, ErrOnStage, ErrTooOften, ErrBusy.
func (r *Room) RaiseHand(ctx context.Context, up bool) error {
	if up {
		if err := r.StandUp(ctx); err != nil {
			return err
		}
	}
	return r.do(ctx, func(now time.Time) error {
		old := r.queue.hands[r.me]
		switch {
		case !r.member(r.me):
			return refusal(r.state, r.me)
		case up && r.withdrawn:
			return ErrAside
		case up && r.state.CanSpeak(r.me):
			return ErrOnStage
		case up == (r.queue.raised(r.me) != nil):
			return nil
		case !r.wave.take(now):
			return ErrTooOften
		}
		h := &Hand{Room: r.id, Who: r.me, Up: up, Time: max(r.stamp(now), r.last, r.state.Lowered[r.me].Until+1), Seq: 1}
		if old != nil {
			h.Time, h.Seq = max(h.Time, old.Time), old.Seq+1
		}
		raw := signHand(r.cfg.Key, h)
		r.queue.put(h, raw, now, now)
		r.synced = true // what was before does not matter any more
		r.dirty = true
		r.publish(ChannelHands, raw)
		r.hurry(now)
		return nil
	})
}

// StandUp makes a member of who is only seated, for which a gate has to be
// here: members are heard of by everybody and hold links of their own. For
// anybody else it does nothing. Errors: those of a gate, ErrBusy when none is
// here.
func (r *Room) StandUp(ctx context.Context) error {
	if !r.Snapshot().Seated {
		return nil
	}
	return r.standUp(ctx)
}

// StageAdd calls a member to the stage. Errors, beside those of [State.May]:
// ErrOnStage, ErrAside for who left it by their own will, and alone can come back.
func (r *Room) StageAdd(ctx context.Context, who identity.ID) error {
	return r.do(ctx, func(now time.Time) error {
		m, err := r.present(who)
		if err != nil {
			return err
		}
		if m.Caps.Has(identity.CapSpeak) {
			if a := r.roster.here[who]; a != nil && a.Aside {
				return ErrAside
			}
			return ErrOnStage
		}
		return r.grant(who, identity.RoleSpeaker, false, now)
	})
}

// StageDrop sends a member back among the listeners, whatever they were.
func (r *Room) StageDrop(ctx context.Context, who identity.ID) error {
	return r.do(ctx, func(now time.Time) error {
		m, err := r.present(who)
		if err != nil {
			return err
		}
		if !m.Caps.Has(identity.CapSpeak) {
			return ErrOffStage
		}
		return r.grant(who, identity.RoleListener, true, now)
	})
}

// present returns somebody to act on: a member, or who is seated, as far as is
// known here. Loop only.
func (r *Room) present(who identity.ID) (Member, error) {
	m, in := r.state.Members[who]
	if in {
		return m, nil
	}
	via, seated := r.seatedHere(who)
	if !seated {
		return m, ErrNotHere
	}
	return Member{ID: who, Via: via}, nil
}

// grant gives somebody a role, beside or instead of those they have.
func (r *Room) grant(who identity.ID, role identity.Role, replace bool, now time.Time) error {
	if err := r.state.May(r.me, KindGrant, who); err != nil {
		return err
	}
	me := r.state.Members[r.me]
	if under, ok := r.state.Under(r.me, KindGrant); !ok || under != me.Grant {
		return ErrNoRight
	}
	cred, err := identity.IssueGrant(r.cfg.Key, me.Credential, who, identity.Terms{Role: role}, r.id)
	if err != nil {
		return err
	}
	return r.write(KindGrant, who, GrantArgs{Grant: cred.Leaf().Bytes(), Replace: replace}, now)
}

// CameBy names the invite by which somebody came in, as far as is known here:
// a member, or who is seated. It is zero for who came otherwise, and ok is
// false for who is not known to be in. Kick and Ban close it.
func (r *Room) CameBy(ctx context.Context, who identity.ID) (grant identity.Hash, ok bool) {
	err := r.do(ctx, func(time.Time) error {
		m, err := r.present(who)
		grant = m.Via
		return err
	})
	return grant, err == nil
}

// Mute silences a member: nobody passes on or plays what they say.
func (r *Room) Mute(ctx context.Context, who identity.ID) error {
	return r.act(ctx, KindMute, who, nil)
}

// Unmute lets a muted member be heard again.
func (r *Room) Unmute(ctx context.Context, who identity.ID) error {
	return r.act(ctx, KindUnmute, who, nil)
}

// Kick puts a member out. The link they came by admits nobody else from then
// on unless keepLink is set. reason is shown to everybody, cut to MaxReason
// bytes.
func (r *Room) Kick(ctx context.Context, who identity.ID, reason string, keepLink bool) error {
	return r.remove(ctx, KindKick, who, reason, keepLink)
}

// Ban is Kick for good: only a pardon lets the person back. It also works on
// somebody who is not in.
func (r *Room) Ban(ctx context.Context, who identity.ID, reason string, keepLink bool) error {
	return r.remove(ctx, KindBan, who, reason, keepLink)
}

func (r *Room) remove(ctx context.Context, kind Kind, who identity.ID, reason string, keepLink bool) error {
	return r.do(ctx, func(now time.Time) error {
		m, err := r.present(who)
		if err != nil && kind == KindKick {
			return err
		}
		args := RemoveArgs{Reason: cut(reason, MaxReason)}
		if !keepLink {
			args.Closes = m.Via
		}
		if err := r.write(kind, who, args, now); err != nil {
			return err
		}
		r.removed(now)
		return nil
	})
}

// Pardon undoes kicks and bans of a person: they may come in again.
func (r *Room) Pardon(ctx context.Context, who identity.ID) error {
	return r.act(ctx, KindPardon, who, nil)
}

// Revoke ends a grant or an invite. With keep, those it has let in stay;
// otherwise they go, and so does everybody they brought.
func (r *Room) Revoke(ctx context.Context, grant identity.Hash, keep bool) error {
	return r.do(ctx, func(now time.Time) error {
		if err := r.write(KindRevoke, identity.ID{}, RevokeArgs{Grant: grant, Keep: keep}, now); err != nil {
			return err
		}
		if !keep {
			r.removed(now)
		}
		return nil
	})
}

// Lock keeps newcomers of lower rank out, or lets them in again.
func (r *Room) Lock(ctx context.Context, on bool) error {
	kind := KindUnlock
	if on {
		kind = KindLock
	}
	return r.act(ctx, kind, identity.ID{}, nil)
}

// SetTitle names the room, in at most MaxTitle printable bytes.
func (r *Room) SetTitle(ctx context.Context, title string) error {
	return r.act(ctx, KindTitle, identity.ID{}, TitleArgs{Text: cut(title, MaxTitle)})
}

// End is this owner's vote to end the room for everybody.
func (r *Room) End(ctx context.Context) error {
	return r.act(ctx, KindClose, identity.ID{}, nil)
}

// Leave says goodbye: the others see at once that this member is not here any
// more. Membership, role and everything kept remain, so that the member may
// come back. The caller ends Run afterwards.
func (r *Room) Leave(ctx context.Context) error {
	return r.do(ctx, func(now time.Time) error {
		if r.left || !r.member(r.me) {
			return nil
		}
		silent := r.silent()
		r.left, r.mic, r.pulse, r.dirty = true, false, nil, true
		r.queue.lower(r.me, max(r.stamp(now), r.last))
		if !silent {
			r.publish(ChannelPresence, r.heartbeat(now, true))
		}
		return nil
	})
}

// Invite makes an invite of this member, without address hints, and remembers
// it under a label. Errors: those of [IssueInvite].
func (r *Room) Invite(ctx context.Context, terms identity.Terms, label string) (*identity.Invite, error) {
	var inv *identity.Invite
	err := r.do(ctx, func(now time.Time) (err error) {
		var entry Invited
		if inv, entry, err = IssueInvite(r.cfg.Key, r.state, r.cfg.Record, terms, label, r.cfg.Keeper, now); err != nil {
			return err
		}
		r.invites = slices.Insert(r.invites, 0, entry)
		r.dirty = true
		return nil
	})
	return inv, err
}

// IssueInvite makes an invite of k in the room of rec as it stands in state,
// without address hints, and has keeper remember it under a label. It is for a
// room that does not run; one that does has [Room.Invite]. Errors: ErrNoRight,
// ErrClosed, why k is no member, or those of [identity.IssueInvite].
func IssueInvite(k *identity.Key, state *State, rec Record, terms identity.Terms, label string, keeper Keeper, now time.Time) (*identity.Invite, Invited, error) {
	me, in := state.Members[k.ID()]
	switch {
	case state.Closed || !in:
		return nil, Invited{}, refusal(state, k.ID())
	case !me.Caps.Has(identity.CapInvite):
		return nil, Invited{}, ErrNoRight
	}
	chain, seed, err := identity.IssueInvite(k, me.Credential, terms, rec.Room)
	if err != nil {
		return nil, Invited{}, err
	}
	inv := &identity.Invite{Room: rec.Room, Rendezvous: rec.Rendezvous, Seed: seed, Chain: chain}
	leaf := chain.Leaf()
	entry := Invited{
		Grant: leaf.Hash(), Role: leaf.Role, Link: inv.String(), Label: label,
		Made: now, Expires: expiry(leaf.Expires), Uses: leaf.Uses, Exact: leaf.Exact,
	}
	return inv, entry, keeper.SaveInvite(rec.Room, entry)
}

// expiry is the time that a grant names; zero for never.
func expiry(ms uint64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms))
}

// act is an action that is one operation.
func (r *Room) act(ctx context.Context, kind Kind, target identity.ID, args any) error {
	return r.do(ctx, func(now time.Time) error { return r.write(kind, target, args, now) })
}

// write puts an operation of this member into the log. Loop only.
func (r *Room) write(kind Kind, target identity.ID, args any, now time.Time) error {
	return r.writeAt(kind, target, args, r.stamp(now), now)
}

// writeAt is write with the earliest time that the operation may have, in Unix
// milliseconds. Loop only.
func (r *Room) writeAt(kind Kind, target identity.ID, args any, stamp uint64, now time.Time) error {
	if err := r.state.May(r.me, kind, target); err != nil {
		return err
	}
	grant, ok := r.state.Under(r.me, kind)
	if !ok {
		return ErrNoRight
	}
	op, err := r.log.Compose(r.cfg.Key, kind, grant, target, args, stamp)
	if err != nil {
		return err
	}
	return r.commit(op, now)
}
