// Keys that work everywhere, by the GlobalShortcuts portal of xdg-desktop-portal
// (org.freedesktop.portal.GlobalShortcuts, version 1): one turns the microphone on and
// off, the other is held to talk.

package desktop

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"stoa/cmd/stoa/pause"
	"stoa/cmd/stoa/plain"
)

const (
	portalName    = "org.freedesktop.portal.Desktop"
	portalPath    = "/org/freedesktop/portal/desktop"
	shortcutsName = "org.freedesktop.portal.GlobalShortcuts"

	toggleKey = "microphone"
	talkKey   = "talk"

	// pusher is who holds a key, for the node.
	pusher = "desktop"

	// maxKeys bounds what a portal tells of.
	maxKeys = 16

	// maxHold is how long one press can last: a keyboard that is lost while a key is down
	// says nothing more.
	maxHold = 5 * time.Minute
)

// shortcut is a session with the portal. One goroutine has it.
type shortcut struct {
	d       *Desktop
	portal  *service
	session dbus.ObjectPath
	release func() // lets go of the key that is held; nil: none is
}

// shortcut obeys keys until ctx ends.
func (d *Desktop) shortcut(ctx context.Context, b *bus) error {
	portal, err := b.service(ctx, portalName, portalPath)
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		s := &shortcut{d: d, portal: portal}
		err := s.open(ctx)
		if err == nil {
			err = s.obey(ctx)
		}
		if ctx.Err() != nil {
			break
		}
		d.log.Info("global shortcuts", "err", err)
		var refused *refusal
		if !errors.As(err, &refused) {
			continue // who had the name is gone, or another has it: begin anew
		}
		d.tell(Shortcut, isNone, refused.text)
		s.await(ctx)
	}
	return nil
}

// await waits until another portal is there.
func (s *shortcut) await(ctx context.Context) {
	for {
		select {
		case sig := <-s.portal.news:
			if sig.Name == ownerChanged && s.portal.present() {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// open makes a session and asks for the keys.
func (s *shortcut) open(ctx context.Context) error {
	s.d.tell(Shortcut, isNone, "your desktop is asked for the keys")
	// Says which program this is, which since version 1.21 a portal insists on. It must be
	// the first call. Older ones do not have it.
	if err := s.portal.call(ctx, "org.freedesktop.host.portal.Registry.Register", AppID, map[string]dbus.Variant{}).Err; err != nil {
		s.d.log.Info("the portal's registry", "err", err)
	}
	made, err := s.request(ctx, "CreateSession", func(options map[string]dbus.Variant) []any {
		options["session_handle_token"] = dbus.MakeVariant(token())
		return []any{options}
	})
	if err != nil {
		return err
	}
	// Its type is a string, which is a mistake that stays, says the documentation.
	switch handle := made["session_handle"].Value().(type) {
	case string:
		s.session = dbus.ObjectPath(handle)
	case dbus.ObjectPath:
		s.session = handle
	}
	if !s.session.IsValid() {
		return &refusal{text: "this desktop answers what nobody understands"}
	}
	s.d.tell(Shortcut, isNone, "your desktop asks you which keys to take")
	bound, err := s.request(ctx, "BindShortcuts", func(options map[string]dbus.Variant) []any {
		w := s.d.words
		return []any{s.session, []key{
			newKey(toggleKey, w.Toggle, "CTRL+ALT+m"),
			newKey(talkKey, w.Talk, "CTRL+ALT+space"),
		}, "", options}
	})
	if err != nil {
		return err
	}
	s.d.tell(Shortcut, isOn, s.keys(bound["shortcuts"]))
	return nil
}

// key is a shortcut by its name, with what is known of it.
type key struct {
	Name string
	Of   map[string]dbus.Variant
}

func newKey(name, description, trigger string) key {
	return key{name, map[string]dbus.Variant{
		"description":       dbus.MakeVariant(description),
		"preferred_trigger": dbus.MakeVariant(trigger),
	}}
}

// keys says which keys the person has chosen, as far as the portal tells.
func (s *shortcut) keys(bound dbus.Variant) string {
	list, _ := bound.Value().([][]any)
	var said []string
	for _, k := range list[:min(len(list), maxKeys)] {
		name, _ := at[string](k, 0)
		of, _ := at[map[string]dbus.Variant](k, 1)
		trigger, _ := of["trigger_description"].Value().(string)
		if trigger = plain.Line(trigger); trigger == "" {
			continue
		}
		switch name {
		case toggleKey:
			said = append(said, s.d.words.Toggle+": "+trigger)
		case talkKey:
			said = append(said, s.d.words.Talk+": "+trigger)
		}
	}
	return strings.Join(said, "; ")
}

// token is the last part of a path that nobody else has.
func token() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return "stoa" + hex.EncodeToString(b[:])
}

// noPortal is what a person reads where there are no global shortcuts.
const noPortal = "this desktop lets no program have keys of its own: bind one to `stoa push` in its settings"

// request calls a method that answers later, by a signal (org.freedesktop.portal.Request).
func (s *shortcut) request(ctx context.Context, method string, args func(options map[string]dbus.Variant) []any) (map[string]dbus.Variant, error) {
	options := map[string]dbus.Variant{"handle_token": dbus.MakeVariant(token())}
	handle, err := answer[dbus.ObjectPath](s.portal.call(ctx, shortcutsName+"."+method, args(options)...))
	if err != nil {
		return nil, refusedBecause(err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.d.wait.asked)
	defer cancel()
	for {
		select {
		case sig := <-s.portal.news:
			if sig.Name == ownerChanged {
				return nil, errors.New("the portal is gone")
			}
			if sig.Name != "org.freedesktop.portal.Request.Response" || sig.Path != handle {
				continue
			}
			code, understood := at[uint32](sig.Body, 0)
			results, _ := at[map[string]dbus.Variant](sig.Body, 1)
			switch {
			case !understood:
				return nil, &refusal{text: "this desktop answers what nobody understands"}
			case code == 1:
				return nil, &refusal{text: "you chose no keys: switch it off and on to be asked again"}
			case code != 0:
				return nil, &refusal{text: "this desktop gives no keys", err: fmt.Errorf("%s: response %d", method, code)}
			}
			return results, nil
		case <-ctx.Done():
			return nil, &refusal{"this desktop's portal does not answer", ctx.Err()}
		}
	}
}

// refusedBecause says what the failure of a call means.
func refusedBecause(err error) error {
	var refused *refusal
	var said dbus.Error
	switch {
	case errors.As(err, &refused):
		return refused
	case !errors.As(err, &said):
		return &refusal{"this desktop's portal does not answer", err}
	case strings.HasSuffix(said.Name, ".NotAllowed"):
		return &refusal{"this desktop gives keys only to programs that it knows: `stoa install`, then start stoa again", err}
	}
	return &refusal{noPortal, err}
}

// obey does what the keys say until the session ends.
func (s *shortcut) obey(ctx context.Context) error {
	defer s.up()
	for {
		select {
		case sig := <-s.portal.news:
			switch {
			case sig.Name == ownerChanged:
				return errors.New("the portal is gone")
			case sig.Name == "org.freedesktop.portal.Session.Closed" && sig.Path == s.session:
				return &refusal{text: "your desktop took the keys back: switch it off and on to be asked again"}
			case sig.Name == shortcutsName+".Activated":
				s.activated(ctx, s.keyOf(sig))
			case sig.Name == shortcutsName+".Deactivated" && s.keyOf(sig) == talkKey:
				s.up()
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// keyOf is the key that a signal is about, or none.
func (s *shortcut) keyOf(sig *dbus.Signal) string {
	session, _ := at[dbus.ObjectPath](sig.Body, 0)
	name, _ := at[string](sig.Body, 1)
	if session != s.session {
		return ""
	}
	return name
}

func (s *shortcut) activated(ctx context.Context, key string) {
	switch {
	case key == toggleKey:
		s.d.toggle()
	case key == talkKey && s.release == nil:
		s.release = s.d.hold(ctx, s.portal)
	}
}

// up lets go of the key that is held, if one is.
func (s *shortcut) up() {
	if s.release != nil {
		s.release()
		s.release = nil
	}
}

// hold tells the node that a key is held, again and again: the node forgets it otherwise.
// It ends by itself when the portal does not show that it is there, since then nobody
// would tell that the key is up. What it returns lets go of the key, and waits until the
// node knows.
func (d *Desktop) hold(ctx context.Context, portal *service) (release func()) {
	held, cancel := context.WithTimeout(ctx, maxHold)
	var holding sync.WaitGroup
	holding.Go(func() {
		defer cancel()
		for held.Err() == nil && portal.ping(held) == nil {
			pause.For(held, d.wait.ping)
		}
	})
	holding.Go(func() {
		defer cancel()
		for held.Err() == nil {
			if err := d.node.Do(held, "push", "", "hold", pusher); err != nil {
				d.log.Info("a key that is held", "err", err)
				break
			}
			pause.For(held, d.wait.hold)
		}
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.wait.call)
		defer cancel()
		d.do(end, "push", "", "end", pusher)
	})
	return func() {
		cancel()
		holding.Wait()
	}
}
