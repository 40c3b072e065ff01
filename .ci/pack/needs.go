// What a machine must have for the program to start, and should have for its sound.

package main

import (
	"debug/elf"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// needs are by format of package.
type needs struct {
	depends, recommends map[string][]string
}

// debianOf names the packages of libraries that programs are linked with. The GNU C
// library is apart: its version follows from what is used of it.
var debianOf = map[string]string{"libopus.so.0": "libopus0"}

// opened are what the program opens while it runs, if it is there: the sound systems, by
// malgo, and what opens a browser.
var opened = map[string][]string{
	"deb": {"libpulse0", "libasound2 | libasound2t64", "xdg-utils"},
	"rpm": {"libpulse.so.0()(64bit)", "libasound.so.2()(64bit)", "xdg-utils"},
}

// needsOf reads what a program is linked with. A library of which nobody has said which
// package has it is an error.
func needsOf(program string) (needs, error) {
	f, err := elf.Open(program)
	if err != nil {
		return needs{}, err
	}
	defer f.Close()
	libraries, err := f.ImportedLibraries()
	if err != nil {
		return needs{}, err
	}
	symbols, err := f.ImportedSymbols()
	if err != nil {
		return needs{}, err
	}
	var deb, rpm []string
	versions := map[string]string{} // of libraries with versions, the newest that is used
	for _, s := range symbols {
		if v, is := strings.CutPrefix(s.Version, "GLIBC_"); is {
			if old := versions[s.Library]; old == "" || newer(v, old) {
				versions[s.Library] = v
			}
		}
	}
	newest := ""
	for _, library := range libraries {
		if v := versions[library]; v != "" || isC(library) {
			rpm = append(rpm, fmt.Sprintf("%s(%s)(64bit)", library, glibc(v)))
			if v != "" && (newest == "" || newer(v, newest)) {
				newest = v
			}
			continue
		}
		name, known := debianOf[library]
		if !known {
			return needs{}, fmt.Errorf("no package is known that has %s", library)
		}
		deb = append(deb, name)
		rpm = append(rpm, library+"()(64bit)")
	}
	if newest != "" {
		deb = append(deb, "libc6 (>= "+newest+")")
	}
	slices.Sort(deb)
	slices.Sort(rpm)
	return needs{depends: map[string][]string{"deb": deb, "rpm": rpm}, recommends: opened}, nil
}

// isC reports whether a library is a part of the GNU C library.
func isC(library string) bool {
	return slices.Contains([]string{"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libresolv.so.2"}, library)
}

func glibc(version string) string {
	if version == "" {
		return ""
	}
	return "GLIBC_" + version
}

// newer compares versions such as 2.4 and 2.34.
func newer(a, b string) bool {
	numbers := func(v string) (n []int) {
		for part := range strings.SplitSeq(v, ".") {
			i, _ := strconv.Atoi(part)
			n = append(n, i)
		}
		return n
	}
	return slices.Compare(numbers(a), numbers(b)) > 0
}
