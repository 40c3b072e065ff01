// This file holds why an operation that joined the log counts for nothing, as a code that others put into the words of a language.

package room

import "fmt"

// VoidCode is a reason for which an operation is void. Zero: it is valid.
type VoidCode uint8

// The reasons. The first three are for admissions.
const (
	VoidShutOut    VoidCode = 1 + iota // a removal that had not seen it ended it
	VoidUsedUp                         // as many people as the invite allows came before
	VoidLocked                         // the room was locked to newcomers of its rank
	VoidOutranked                      // its target's rank was as strong as its author's
	VoidGrantVoid                      // what gave its author the right was void itself
	VoidGrantEnded                     // what gave its author the right had ended, by an operation that had not seen it
)

var voidNames = [...]string{
	VoidShutOut: "shut_out", VoidUsedUp: "used_up", VoidLocked: "locked",
	VoidOutranked: "outranked", VoidGrantVoid: "grant_void", VoidGrantEnded: "grant_ended",
}

// String returns the code's word; empty for what is none.
func (c VoidCode) String() string {
	if int(c) < len(voidNames) {
		return voidNames[c]
	}
	return ""
}

// Void is why an operation is void. Zero: it is valid.
type Void struct {
	Code VoidCode
	By   Kind // of VoidShutOut and VoidGrantEnded: what the weightiest of those did that are to blame
}

// String says it in English; empty for what is valid.
func (v Void) String() string {
	switch v.Code {
	case VoidShutOut:
		return fmt.Sprintf("shut out by a %s", v.By)
	case VoidUsedUp:
		return "the invite was used up"
	case VoidLocked:
		return "the room was locked"
	case VoidOutranked:
		return "its target's rank was as strong as its author's"
	case VoidGrantVoid:
		return "its author's grant was void"
	case VoidGrantEnded:
		return fmt.Sprintf("its author's grant was ended by a %s that had not seen it", v.By)
	}
	return ""
}
