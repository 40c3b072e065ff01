// What the page's own description of the View may say: no field that no node sends, and
// none always there that a node may leave out. The page is compiled against it.

package app

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestPageKnowsTheView(t *testing.T) {
	text, err := os.ReadFile("../ui/page/src/lib/types.ts")
	if err != nil {
		t.Fatal(err)
	}
	interfaces := map[string]string{}
	for _, m := range regexp.MustCompile(`(?ms)^export interface (\w+)(?: extends \w+)? \{\n(.*?)^\}`).FindAllStringSubmatch(string(text), -1) {
		interfaces[m[1]] = m[2]
	}
	field := regexp.MustCompile(`(?m)^  (\w+)(\??):`)
	for name, view := range map[string]any{
		"View": View{}, "Problem": Problem{}, "Me": MeView{}, "Net": NetView{}, "Sound": SoundView{}, "Device": DeviceView{}, "SoundTest": TestView{},
		"KeptRoom": KeptView{}, "Contact": Contact{}, "Blocked": Blocking{}, "Notice": NoticeView{},
		"Room": RoomView{}, "MyPlace": HereView{}, "Person": PersonView{}, "Audible": Audible{}, "Way": WayView{}, "Relays": RelaysView{},
		"Invite": InviteView{}, "Removed": RemovedView{}, "Message": ChatView{}, "Schedule": ScheduleView{}, "Recording": RecordingView{},
	} {
		sent := map[string]bool{} // whether it is always there
		addFields(reflect.TypeOf(view), true, sent)
		known := field.FindAllStringSubmatch(interfaces[name], -1)
		if known == nil {
			t.Errorf("the page has no interface %s", name)
		}
		for _, m := range known {
			always, is := sent[m[1]]
			switch {
			case !is:
				t.Errorf("%s.%s: no node sends it", name, m[1])
			case m[2] == "" && !always:
				t.Errorf("%s.%s: a node may leave it out", name, m[1])
			}
		}
	}
}

// addFields collects the names under which a struct's fields are sent, those of embedded
// structs too.
func addFields(s reflect.Type, there bool, sent map[string]bool) {
	for i := range s.NumField() {
		f := s.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && f.Type.Kind() == reflect.Pointer:
			addFields(f.Type.Elem(), false, sent)
		case f.Anonymous:
			addFields(f.Type, there, sent)
		case name != "":
			sent[name] = there && !strings.Contains(options, "omit")
		}
	}
}
