// Notifications, by the Desktop Notifications Specification 1.2.

package desktop

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"

	"stoa/cmd/stoa/desktop/icon"
	"stoa/cmd/stoa/pause"
)

const (
	notificationsName = "org.freedesktop.Notifications"
	notificationsPath = "/org/freedesktop/Notifications"

	// maxBody is how long a body may be, in characters.
	maxBody = 300
)

// notifier shows notices. One goroutine has it.
type notifier struct {
	d       *Desktop
	service *service
	ready   bool // what follows is known
	markup  bool // the body is read as markup
	actions bool // the person can choose something

	shown map[topic]uint32 // what the desktop calls them
}

// notify tells what is new until ctx ends.
func (d *Desktop) notify(ctx context.Context, b *bus) error {
	s, err := b.service(ctx, notificationsName, notificationsPath)
	if err != nil {
		return err
	}
	n := &notifier{d: d, service: s, shown: map[topic]uint32{}}
	defer n.clear(ctx)
	n.learn(ctx)
	news := newNews(d.words)
	for {
		glance, changed := d.node.Glance()
		now := time.Now()
		show, drop := news.look(glance, now, d.node.Visible())
		for _, t := range drop {
			n.drop(ctx, t)
		}
		for _, notice := range show {
			n.show(ctx, notice)
		}
		var again <-chan time.Time
		if at := news.next(glance, now); !at.IsZero() {
			again = time.After(time.Until(at))
		}
		select {
		case <-changed:
			pause.For(ctx, d.wait.look)
		case <-again:
		case sig := <-s.news:
			n.hear(ctx, sig)
		case <-ctx.Done():
			return nil
		}
	}
}

// learn asks what the desktop can do with notifications.
func (n *notifier) learn(ctx context.Context) {
	can, err := answer[[]string](n.service.call(ctx, notificationsName+".GetCapabilities"))
	if err != nil {
		n.d.log.Info("notifications", "err", err)
		n.ready = false
		n.d.tell(Notifications, isNone, "this desktop shows no notifications")
		return
	}
	n.ready, n.markup, n.actions = true, slices.Contains(can, "body-markup"), slices.Contains(can, "actions")
	n.d.tell(Notifications, isOn, "")
}

func (n *notifier) show(ctx context.Context, notice notice) {
	if !n.ready {
		n.learn(ctx)
	}
	if !n.ready {
		return
	}
	body := notice.body
	if r := []rune(body); len(r) > maxBody {
		body = string(r[:maxBody]) + "…"
	}
	if n.markup {
		body = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(body)
	}
	actions := []string{}
	if n.actions {
		actions = []string{"default", n.d.words.Open, "open", n.d.words.Open}
	}
	hints := map[string]dbus.Variant{
		"desktop-entry": dbus.MakeVariant(AppID),
		"category":      dbus.MakeVariant("im.received"),
		"urgency":       dbus.MakeVariant(urgency(notice)),
		"image-data":    dbus.MakeVariant(picture()),
	}
	// Also when ctx ends meanwhile: what is shown then has to be taken back by its number.
	id, err := answer[uint32](n.service.call(context.WithoutCancel(ctx), notificationsName+".Notify", "stoa", n.shown[notice.topic], "stoa",
		notice.summary, body, actions, hints, int32(-1)))
	if err != nil {
		n.d.log.Info("a notification", "err", err)
		n.ready = false
		n.d.tell(Notifications, isNone, "this desktop's notifications do not answer")
		return
	}
	n.shown[notice.topic] = id
}

// drop takes back what is shown on a topic.
func (n *notifier) drop(ctx context.Context, t topic) {
	if id, is := n.shown[t]; is {
		delete(n.shown, t)
		if err := n.service.call(ctx, notificationsName+".CloseNotification", id).Err; err != nil {
			n.d.log.Debug("taking back a notification", "err", err)
		}
	}
}

// clear takes everything back: what it offers nobody would do any more.
func (n *notifier) clear(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), n.d.wait.call)
	defer cancel()
	for t := range n.shown {
		n.drop(ctx, t)
	}
}

// hear takes what the desktop says.
func (n *notifier) hear(ctx context.Context, sig *dbus.Signal) {
	if sig.Name == ownerChanged {
		clear(n.shown) // whoever is there now knows none of them
		n.ready = false
		if n.service.present() {
			n.learn(ctx)
		} else {
			n.d.tell(Notifications, isNone, "this desktop shows no notifications")
		}
		return
	}
	id, is := at[uint32](sig.Body, 0)
	for t, shown := range n.shown {
		if !is || shown != id {
			continue
		}
		switch sig.Name {
		case notificationsName + ".ActionInvoked":
			n.d.open(t.room)
		case notificationsName + ".NotificationClosed":
			delete(n.shown, t)
		}
	}
}

// urgency is 1 for what is usual and 2 for what must be seen.
func urgency(n notice) byte {
	if n.urgent {
		return 2
	}
	return 1
}

// raster is a picture as the hint image-data has it.
type raster struct {
	Width, Height, Stride int32
	Alpha                 bool
	Bits, Channels        int32
	Data                  []byte
}

// picture is our sign: its name says nothing to a desktop that stoa is not installed on.
func picture() raster {
	const size = 64
	img := icon.Stoa.Image(size)
	return raster{size, size, int32(img.Stride), true, 8, 4, img.Pix}
}
