// The list of which program opens what, by the MIME Applications Specification 1.0.1.
// It belongs to the person, and to every program that adds itself: of what others
// wrote, each byte stays.

package launcher

import (
	"slices"
	"strings"
)

const (
	mimeappsFile  = "mimeapps.list"
	defaultsGroup = "[Default Applications]"

	// maxMimeapps bounds the list, in bytes.
	maxMimeapps = 1 << 20
)

// addDefault makes the entry the first that opens links to stoa. Those that did so before
// come behind it, so that they do again when it goes.
func addDefault(text string) string {
	lines := strings.SplitAfter(text, "\n")
	group, end := -1, -1 // end: behind the group's last line that is not empty
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "["):
			if group >= 0 {
				return strings.Join(slices.Insert(lines, end, newDefault(lines, end)), "")
			}
			if trimmed == defaultsGroup {
				group, end = i, i+1
			}
		case group >= 0 && trimmed != "":
			if key, value, is := strings.Cut(trimmed, "="); is && strings.TrimSpace(key) == scheme {
				lines[i] = withPrograms(line, append([]string{entryFile}, others(value)...))
				return strings.Join(lines, "")
			}
			end = i + 1
		}
	}
	if group < 0 {
		lines = append(lines, closed(lines, len(lines))+defaultsGroup+"\n")
		end = len(lines)
	}
	return strings.Join(slices.Insert(lines, end, newDefault(lines, end)), "")
}

// dropDefault undoes addDefault.
func dropDefault(text string) string {
	lines := strings.SplitAfter(text, "\n")
	within := false
	var kept []string
	for _, line := range lines {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "[") {
			within = trimmed == defaultsGroup
		}
		if key, value, is := strings.Cut(trimmed, "="); is && within && strings.TrimSpace(key) == scheme && slices.Contains(programs(value), entryFile) {
			rest := others(value)
			if len(rest) == 0 {
				continue
			}
			line = withPrograms(line, rest)
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "")
}

// programs splits the value of a line.
func programs(value string) []string {
	return slices.DeleteFunc(strings.Split(value, ";"), func(p string) bool { return strings.TrimSpace(p) == "" })
}

// others are the programs of a line but stoa.
func others(value string) []string {
	return slices.DeleteFunc(programs(value), func(p string) bool { return strings.TrimSpace(p) == entryFile })
}

// withPrograms replaces the value of a line. What begins and ends it stays.
func withPrograms(line string, programs []string) string {
	key, _, _ := strings.Cut(line, "=")
	return key + "=" + strings.Join(programs, ";") + ";" + ending(line)
}

// newDefault is the line that addDefault puts in before the line of that number.
func newDefault(lines []string, at int) string {
	return closed(lines, at) + scheme + "=" + entryFile + ";" + usualEnding(lines)
}

// closed ends the line before the one of that number, where it has no end.
func closed(lines []string, at int) string {
	for at--; at >= 0; at-- {
		if lines[at] != "" {
			if ending(lines[at]) == "" {
				return usualEnding(lines)
			}
			break
		}
	}
	return ""
}

// usualEnding is how lines end here.
func usualEnding(lines []string) string {
	if e := ending(lines[0]); e != "" {
		return e
	}
	return "\n"
}

func ending(line string) string {
	for _, e := range []string{"\r\n", "\n"} {
		if strings.HasSuffix(line, e) {
			return e
		}
	}
	return ""
}
