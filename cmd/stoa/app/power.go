// What this machine runs on.

package app

import (
	"io/fs"
	"os"
	"strings"
	"time"
)

// power is what a machine runs on.
type power string

const (
	powerUnknown power = "unknown" // the system does not tell this program
	powerMains   power = "mains"
	powerBattery power = "battery"
)

// powerEvery is the time between two looks at it.
const powerEvery = 10 * time.Second

// powerSource tells what this machine runs on. Linux shows it under /sys; on other systems
// nothing is known, and stats say so.
func powerSource() power { return powerOf(os.DirFS("/sys/class/power_supply")) }

// powerOf reads the folder of Linux's power supplies (Documentation/ABI/testing/
// sysfs-class-power). Batteries of scope Device are those of mice and headsets.
func powerOf(supplies fs.FS) power {
	entries, err := fs.ReadDir(supplies, ".")
	if err != nil {
		return powerUnknown
	}
	read := func(name, what string) string {
		b, err := fs.ReadFile(supplies, name+"/"+what)
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(b))
	}
	found := powerUnknown
	for _, e := range entries {
		switch name := e.Name(); read(name, "type") {
		case "Mains", "USB":
			if read(name, "online") == "1" {
				return powerMains
			}
		case "Battery":
			if read(name, "scope") == "Device" {
				continue
			}
			switch read(name, "status") {
			case "Discharging":
				found = powerBattery
			case "Charging", "Full", "Not charging":
				if found == powerUnknown {
					found = powerMains
				}
			}
		}
	}
	return found
}
