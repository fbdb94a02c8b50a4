//go:build unix

package file

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestManyFiles reads as many files as a large installation has. It measures processor time, which a busy machine does not
// change; on two cores the wait is shorter. It does not run beside other tests.
func TestManyFiles(t *testing.T) {
	src, err := os.ReadFile("testdata/good/rest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	const files = 1000
	for i := range files {
		text := strings.Replace(string(src), "name: seeyon-hq", fmt.Sprintf("name: c-%d", i), 1)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.yaml", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := processorTime(t)
	docs, problems := ReadFiles([]string{dir}, Options{})
	took := processorTime(t) - before
	if len(docs) != files || problems.Err() != nil {
		t.Fatalf("%d documents, %v", len(docs), problems.Err())
	}
	t.Logf("%d files in %v of processor time", files, took)
	most := 4 * time.Second
	if underRace() {
		most *= 10
	}
	if took > most {
		t.Errorf("%d files took %v of processor time", files, took)
	}
}

// underRace reports whether the race detector is on: it makes everything several times slower, more so on a busy machine.
func underRace() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
