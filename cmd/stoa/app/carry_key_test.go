// The transport key file: made once, kept, refused when it is not as it was made.

package app

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestTransportKeyIsKept(t *testing.T) {
	dir := t.TempDir()
	key, err := loadTransportKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := loadTransportKey(dir)
	if err != nil || !key.Equal(again) {
		t.Fatalf("the second run has another key (%v)", err)
	}
	other, err := loadTransportKey(t.TempDir())
	if err != nil || key.Equal(other) {
		t.Fatalf("two homes have the same key (%v)", err)
	}
	info, err := os.Stat(filepath.Join(dir, transportKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %04o", info.Mode().Perm())
	}
}

func TestTransportKeyThatIsRefused(t *testing.T) {
	whole := func(t *testing.T) string {
		dir := t.TempDir()
		if _, err := loadTransportKey(dir); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, transportKeyFile))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}(t)
	tests := []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"cut off", whole[:len(whole)/2], 0o600, "PRIVATE KEY"},
		{"another letter", strings.Replace(whole, "MC4", "NC4", 1), 0o600, "damaged"},
		{"empty", "", 0o600, ""},
		{"too long", strings.Repeat("x", maxTransportKey+1), 0o600, "too long"},
		{"readable by others", whole, 0o644, "others on this machine"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.mode != 0o600 && runtime.GOOS == "windows" {
				t.Skip("no such modes here")
			}
			dir := t.TempDir()
			path := filepath.Join(dir, transportKeyFile)
			if err := os.WriteFile(path, []byte(tt.text), tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := loadTransportKey(dir)
			var user *UserError
			if !errors.As(err, &user) || !strings.Contains(user.Text, tt.want) || user.Hint == "" {
				t.Errorf("got %v", err)
			}
			if b, _ := os.ReadFile(path); string(b) != tt.text {
				t.Error("the file was changed")
			}
		})
	}
}
