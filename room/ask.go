// The questions that members ask one another, and how each is answered.
//
// A question is a kind and a body, an answer is a code and a body, each
// deterministic CBOR. The code is empty when all went well and otherwise one
// of the words in errors.go. The network vouches for who asks.

package room

import (
	"context"
	"fmt"
	"time"

	"stoa/identity"
)

const (
	maxQuestion = 64 << 10 // bytes
	maxAnswer   = 4 << 20  // bytes
	maxPush     = 48 << 10 // bytes of operations in a question

	askTime = 5 * time.Second // for one question, forwarding included
)

// askKind says what is asked.
type askKind uint8

const (
	askJoin    askKind = 1 // let me in: joinQuestion, joinAnswer
	askSync    askKind = 2 // what do I not know: syncQuestion, syncAnswer
	askSecret  askKind = 3 // what is the secret of this epoch: secretQuestion, secretAnswer
	askPreview askKind = 4 // what room is this: joinQuestion, previewAnswer
	askAdmit   askKind = 5 // let this person in, you who count: admitQuestion, syncAnswer
	askRoster  askKind = 6 // whom do you carry: rosterQuestion, rosterAnswer
	askSeat    askKind = 7 // give me a seat again: seatQuestion, seatAnswer
	askChat    askKind = 8 // what was written that I do not know: chatQuestion, chatAnswer
)

type question struct {
	Kind askKind `cbor:"1,keyasint"`
	Body []byte  `cbor:"2,keyasint"`
}

type answer struct {
	Code string `cbor:"1,keyasint"`
	Body []byte `cbor:"2,keyasint"`
}

// joinQuestion carries the credential of who asks: empty for a charter owner.
type joinQuestion struct {
	Credential []byte `cbor:"1,keyasint"`
}

// joinAnswer is the room as the gate knows it.
type joinAnswer struct {
	Charter   []byte   `cbor:"1,keyasint"`
	Ops       [][]byte `cbor:"2,keyasint"` // in causal order
	Secrets   []Secret `cbor:"3,keyasint"` // of the epochs that are understood now, newest first
	Presences [][]byte `cbor:"4,keyasint"`
	Hands     [][]byte `cbor:"5,keyasint"`
	Seat      []byte   `cbor:"6,keyasint,omitempty"` // for who is no member now either
	Ages      []uint32 `cbor:"7,keyasint,omitempty"` // milliseconds since each of Presences came to the gate
}

func (a *joinAnswer) size() int { return len(a.Charter) + total(a.Ops, a.Presences, a.Hands) }

// syncQuestion offers what the asked one may lack and names what the asker
// has. The credential makes the asker known to somebody who has not heard of
// them yet.
type syncQuestion struct {
	Credential []byte          `cbor:"1,keyasint"`
	Heads      []identity.Hash `cbor:"2,keyasint"`
	Ops        [][]byte        `cbor:"3,keyasint"`
	Seat       []byte          `cbor:"4,keyasint,omitempty"` // of an asker who has one
}

type syncAnswer struct {
	Heads     []identity.Hash `cbor:"1,keyasint"`
	Ops       [][]byte        `cbor:"2,keyasint"`
	Presences [][]byte        `cbor:"3,keyasint"`
	Hands     [][]byte        `cbor:"4,keyasint"`
	Ages      []uint32        `cbor:"5,keyasint,omitempty"` // as in a joinAnswer
}

func (a *syncAnswer) size() int { return total(a.Ops, a.Presences, a.Hands) }

// total counts the bytes of records.
func total(lists ...[][]byte) (n int) {
	for _, raws := range lists {
		for _, raw := range raws {
			n += len(raw)
		}
	}
	return n
}

// secretQuestion carries the proof of an asker who is no member.
type secretQuestion struct {
	Commit identity.Hash `cbor:"1,keyasint"`
	Proof  []byte        `cbor:"2,keyasint,omitempty"`
}

type secretAnswer struct {
	Secret [32]byte `cbor:"1,keyasint"`
}

type previewAnswer struct {
	Card []byte `cbor:"1,keyasint"`
}

type admitQuestion struct {
	Credential []byte          `cbor:"1,keyasint"`
	Heads      []identity.Hash `cbor:"2,keyasint"`           // of who asks: another gate, or the joiner who has a seat already
	Seat       []byte          `cbor:"3,keyasint,omitempty"` // of the joiner
}

// seatQuestion asks for a seat in place of one whose gate is gone.
type seatQuestion struct {
	Credential []byte `cbor:"1,keyasint"`
}

type seatAnswer struct {
	Seat []byte `cbor:"1,keyasint"`
}

// chatQuestion names the remarks that the asker has, by the first 8 bytes of
// their names, at most 64. It carries the proof of an asker who is no member.
type chatQuestion struct {
	Epoch identity.Hash `cbor:"1,keyasint"` // of the remarks that are wanted
	Have  []uint64      `cbor:"2,keyasint"`
	Proof []byte        `cbor:"3,keyasint,omitempty"`
}

type chatAnswer struct {
	Remarks [][]byte `cbor:"1,keyasint"` // as signed, at most 64
}

func (a *chatAnswer) size() int { return total(a.Remarks) }

// asker asks one question of somebody who is known to it. [Network.Ask] with
// its first argument bound is one.
type asker func(ctx context.Context, req []byte) ([]byte, error)

// ask encodes a question, asks it and decodes the answer into reply.
func ask(ctx context.Context, to asker, kind askKind, body, reply any) error {
	raw, err := to(ctx, identity.Marshal(question{kind, identity.Marshal(body)}))
	if err != nil {
		return err
	}
	return parseAnswer(raw, reply)
}

// parseAnswer decodes an answer into reply, or into the error it carries.
func parseAnswer(raw []byte, reply any) error {
	var a answer
	if err := identity.UnmarshalLimit(raw, &a, maxAnswer); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if a.Code != "" {
		return errorOf(a.Code)
	}
	if err := identity.UnmarshalLimit(a.Body, reply, maxAnswer); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// answer answers one question. It runs on goroutines of the network and
// enters the loop for whatever the loop owns.
func (r *Room) answer(ctx context.Context, from identity.ID, req []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	reply, err := r.reply(ctx, from, req)
	if err != nil {
		return identity.Marshal(answer{Code: codeOf(err)}), nil
	}
	return identity.Marshal(answer{Body: identity.Marshal(reply)}), nil
}

// reply finds what to say. An answer that is more than this asker has coming
// is not even encoded.
func (r *Room) reply(ctx context.Context, from identity.ID, req []byte) (any, error) {
	if !r.guard.asked(from, r.clock()) {
		return nil, ErrBusy
	}
	reply, err := r.find(ctx, from, req)
	if err != nil {
		return nil, err
	}
	if a, ok := reply.(interface{ size() int }); ok && !r.guard.answered(from, a.size(), r.clock()) {
		return nil, ErrBusy
	}
	return reply, nil
}

// find answers each kind of question.
func (r *Room) find(ctx context.Context, from identity.ID, req []byte) (any, error) {
	var q question
	if err := identity.UnmarshalLimit(req, &q, maxQuestion); err != nil {
		return nil, err
	}
	switch q.Kind {
	case askJoin:
		return handle(q.Body, func(b joinQuestion) (any, error) { return r.onJoin(ctx, from, b) })
	case askSync:
		return handle(q.Body, func(b syncQuestion) (any, error) { return r.onSync(ctx, from, b) })
	case askSecret:
		return handle(q.Body, func(b secretQuestion) (any, error) { return r.onSecret(ctx, from, b) })
	case askPreview:
		return handle(q.Body, func(b joinQuestion) (any, error) { return r.onPreview(ctx, from, b) })
	case askAdmit:
		return handle(q.Body, func(b admitQuestion) (any, error) { return r.onAdmit(ctx, from, b) })
	case askSeat:
		return handle(q.Body, func(b seatQuestion) (any, error) { return r.onSeat(ctx, from, b) })
	case askChat:
		return handle(q.Body, func(b chatQuestion) (any, error) { return r.onChat(ctx, from, b) })
	case askRoster:
		return handle(q.Body, func(b rosterQuestion) (any, error) { return r.onRoster(from, b) })
	}
	return nil, ErrRefused
}

// handle decodes the body of a question for the function that answers it.
func handle[Q any](body []byte, f func(Q) (any, error)) (any, error) {
	var q Q
	if err := identity.UnmarshalLimit(body, &q, maxQuestion); err != nil {
		return nil, err
	}
	return f(q)
}
